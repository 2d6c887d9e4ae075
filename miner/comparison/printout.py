"""Renders a comparison for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from miner.report.terminal import decimal, number, percent

SHARES = {"complete rows", "above the positive", "filled by the top 1 %"}
DECIMALS = {"mean margin", "gradient mass"}


def table(comparison: Mapping[str, Any]) -> RenderableType:
    """The sentences, the settings that differ, and the numbers side by side."""
    if not comparison["config"]:
        return Group(*lines(comparison), "", "no difference in settings, model, inputs and versions", "", _counts(comparison))
    rows = ((name, *map(_plain, values)) for name, values in comparison["config"].items())
    return Group(*lines(comparison), "", _grid(["difference", "first", "second"], rows), "", _counts(comparison))


def lines(comparison: Mapping[str, Any]) -> Iterator[str]:
    """The comparison in plain sentences."""
    queries, overlap, scores, positives = comparison["queries"], comparison["overlap"], comparison["scores"], comparison["positives"]
    text_note = f", {number(queries['other_text'])} of them with another text" if queries["other_text"] else ""
    yield f"{number(queries['common'])} common queries of {number(queries['first'])} and {number(queries['second'])}{text_note}"
    overlaps = ", ".join(f"@{n} {percent(value)}" for n, value in overlap["at"].items())
    yield f"negatives: {number(overlap['shared'])} shared; overlap {overlaps}; Jaccard {decimal(overlap['jaccard']['mean'])}"
    yield f"{percent(overlap['same'])} of queries have equal lists of negatives, {percent(overlap['disjoint'])} none in common"
    for name, counterpart in (("lost", "second"), ("gained", "first")):
        fates = ", ".join(f"{fate} {number(count)}" for fate, count in comparison[name]["there"].items())
        yield f"{name} {number(comparison[name]['pairs'])}" + (f"; in the {counterpart}: {fates}" if fates else "")
    for name in ("negatives", "positives"):
        change = scores[name]
        if change["min"] == change["max"] == 0:
            yield f"scores of {number(change['count'])} {name} are the same in both"
            continue
        yield (
            f"scores of {number(change['count'])} {name} moved by {decimal(change['mean'])} on average, 80 % of them by "
            f"{decimal(change['quantiles']['10'])} to {decimal(change['quantiles']['90'])}; correlation {decimal(change['correlation'])}"
        )
    before, after = positives["median"]
    yield (
        f"positives: {number(positives['better'])} rank better, {number(positives['worse'])} worse, {number(positives['same'])} equal"
        f"; median rank {number(before)} to {number(after)}"
    )


def _counts(comparison: Mapping[str, Any]) -> Table:
    rows = [(name, *(_number(name, value) for value in values)) for name, values in comparison["counts"].items()]
    rows += [(f"− {name}", *map(number, values)) for name, values in comparison["dropped"].items()]
    return _grid(["", "first", "second"], rows, right=True)


def _number(name: str, value: float | None) -> str:
    return percent(value) if name in SHARES else decimal(value) if name in DECIMALS else number(value)


def _grid(heads: list[str], rows: Any, right: bool = False) -> Table:
    grid = Table(box=None, padding=(0, 2), pad_edge=False, header_style="dim")
    for column, head in enumerate(heads):
        grid.add_column(head, justify="right" if right and column else "left", overflow="fold")
    for row in rows:
        grid.add_row(*row)
    return grid


def _plain(value: Any) -> str:
    return "–" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)

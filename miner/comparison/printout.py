"""Renders a comparison for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from miner.report.terminal import decimal, number, percent

SHARES = {"complete rows", "above the positive", "filled by the top 1 %"}
COUNT_LABELS = {"complete rows": "complete pairs"}
"""Names on the screen that are not those in JSON."""
DECIMALS = {"mean margin", "gradient mass"}


def table(comparison: Mapping[str, Any]) -> RenderableType:
    """The sentences, the settings that differ, the numbers that differ side by side, and what is left out as the same in both."""
    rows = [(name, *map(_plain, values)) for name, values in comparison["config"].items()]
    settings = _grid(["difference", "first", "second"], rows) if rows else "no difference in settings, model, inputs and versions"
    return Group(*lines(comparison), "", settings, "", *_counts(comparison), *omission(comparison))


def omission(comparison: Mapping[str, Any]) -> Iterator[str]:
    """The line that names what is left out, since it is the same in both runs."""
    names = [COUNT_LABELS.get(name, name) for name in comparison["unchanged"]]
    if names:
        yield f"left out, since both runs have the same or none: {', '.join(names)}"


def lines(comparison: Mapping[str, Any]) -> Iterator[str]:
    """The comparison in plain sentences, without what did not change."""
    unchanged = comparison["unchanged"]
    queries, overlap, scores, positives = comparison["queries"], comparison["overlap"], comparison["scores"], comparison["positives"]
    text_note = f", {number(queries['other_text'])} of them with another text" if queries["other_text"] else ""
    yield f"{number(queries['common'])} common queries of {number(queries['first'])} and {number(queries['second'])}{text_note}"
    overlaps = ", ".join(f"@{n} {percent(value)}" for n, value in overlap["at"].items())
    yield f"negatives: {number(overlap['shared'])} shared; overlap {overlaps}; Jaccard {decimal(overlap['jaccard']['mean'])}"
    yield f"{percent(overlap['same'])} of queries have equal lists of negatives, {percent(overlap['disjoint'])} none in common"
    for name, counterpart in (("lost", "second"), ("gained", "first")):
        if name in unchanged:
            continue
        fates = ", ".join(f"{fate} {number(count)}" for fate, count in comparison[name]["there"].items())
        yield f"{name} {number(comparison[name]['pairs'])}" + (f"; in the {counterpart}: {fates}" if fates else "")
    for name in ("negatives", "positives"):
        if f"scores of {name}" in unchanged:
            continue
        change = scores[name]
        yield (
            f"scores of {number(change['count'])} {name} moved by {decimal(change['mean'])} on average, 80 % of them by "
            f"{decimal(change['quantiles']['10'])} to {decimal(change['quantiles']['90'])}; correlation {decimal(change['correlation'])}"
        )
    if "ranks of positives" in unchanged:
        return
    before, after = positives["median"]
    yield (
        f"positives: {number(positives['better'])} rank better, {number(positives['worse'])} worse, {number(positives['same'])} equal"
        f"; median rank {number(before)} to {number(after)}"
    )
    yield from comparison["notes"]


def _counts(comparison: Mapping[str, Any]) -> list[Table]:
    """The numbers that differ; no table where none does."""
    numbers = {name: [_number(name, value) for value in values] for name, values in comparison["counts"].items()}
    numbers |= {f"− {name}": [number(value) for value in values] for name, values in comparison["dropped"].items()}
    rows = [(COUNT_LABELS.get(name, name), *values) for name, values in numbers.items() if name not in comparison["unchanged"]]
    return [_grid(["", "first", "second"], rows, right=True)] if rows else []


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

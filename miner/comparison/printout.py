"""A comparison in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from miner.report.terminal import decimal, number, percent

SHARES = {"complete rows", "above the positive", "filled by the top 1 %"}
DECIMALS = {"mean margin", "gradient mass"}


def table(told: Mapping[str, Any]) -> RenderableType:
    """The sentences, then what differs, then the numbers side by side."""
    made = _grid(["what differs", "first", "second"], ((name, *map(_plain, both)) for name, both in told["config"].items()))
    return Group(*lines(told), "", made if told["config"] else "made alike: same settings, model, inputs and versions", "", _counts(told))


def lines(told: Mapping[str, Any]) -> Iterator[str]:
    """The comparison in plain sentences."""
    queries, overlap, scores, positives = told["queries"], told["overlap"], told["scores"], told["positives"]
    others = f", {number(queries['other_text'])} of them with another text" if queries["other_text"] else ""
    yield f"{number(queries['common'])} common queries of {number(queries['first'])} and {number(queries['second'])}{others}"
    at = ", ".join(f"@{n} {percent(value)}" for n, value in overlap["at"].items())
    yield f"negatives: {number(overlap['shared'])} shared; overlap {at}; Jaccard {decimal(overlap['jaccard']['mean'])}"
    yield f"{percent(overlap['same'])} of queries have the very same negatives, {percent(overlap['disjoint'])} none in common"
    for name, other in (("lost", "second"), ("gained", "first")):
        there = ", ".join(f"{fate} {number(count)}" for fate, count in told[name]["there"].items())
        yield f"{name} {number(told[name]['pairs'])}" + (f"; in the {other}: {there}" if there else "")
    for name in ("negatives", "positives"):
        moved = scores[name]
        if moved["min"] == moved["max"] == 0:
            yield f"scores of {number(moved['count'])} {name} are the same in both"
            continue
        yield (
            f"scores of {number(moved['count'])} {name} moved by {decimal(moved['mean'])} on average, 80 % of them by "
            f"{decimal(moved['quantiles']['10'])} to {decimal(moved['quantiles']['90'])}; correlation {decimal(moved['correlation'])}"
        )
    before, after = positives["median"]
    yield (
        f"positives: {number(positives['better'])} rank better, {number(positives['worse'])} worse, {number(positives['same'])} as before; "
        f"median rank {number(before)} to {number(after)}"
    )


def _counts(told: Mapping[str, Any]) -> Table:
    rows = [(name, *(_number(name, value) for value in both)) for name, both in told["counts"].items()]
    rows += [(f"− {name}", *map(number, both)) for name, both in told["dropped"].items()]
    return _grid(["", "first", "second"], rows, right=True)


def _number(name: str, value: float | None) -> str:
    return percent(value) if name in SHARES else decimal(value) if name in DECIMALS else number(value)


def _grid(heads: list[str], rows: Any, right: bool = False) -> Table:
    grid = Table(box=None, padding=(0, 2), pad_edge=False, header_style="dim")
    for place, head in enumerate(heads):
        grid.add_column(head, justify="right" if right and place else "left", overflow="fold")
    for row in rows:
        grid.add_row(*row)
    return grid


def _plain(value: Any) -> str:
    return "–" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)

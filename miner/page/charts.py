"""Pictures as inline SVG: histograms drawn as areas of equal weight, and bars that stand in the cells of a table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from miner.page.html import Html, grid, join, number, percent, score, tag

WIDTH, HEIGHT, FOOT = 420, 170, 22


class Bar(NamedTuple):
    """One row of a bar chart. begin and size are on the scale of the chart's `whole`; kind is a class of the style sheet."""

    label: str
    size: int
    begin: int = 0
    kind: str = "quiet"


def histogram(title: str, series: Mapping[str, tuple[str, Mapping[str, Any]]], *marks: Html) -> Html:
    """Areas of equal weight over one axis, each with its median: {name: (class, spread)}. marks: what else is drawn, on top."""
    drawn = {name: (kind, values) for name, (kind, values) in series.items() if values["count"]}
    if not drawn:
        return tag("p", "Nothing to draw.", class_="note")
    low = min(values["histogram"]["edges"][0] for _, values in drawn.values())
    high = max(values["histogram"]["edges"][-1] for _, values in drawn.values())
    top = max(max(_density(values)) for _, values in drawn.values())
    areas = [_area(kind, name, values, low, high, top) for name, (kind, values) in drawn.items()]
    said = "; ".join(
        f"{name}: median {score(values['quantiles']['50'])}, {number(values['count'])} values" for name, (_, values) in drawn.items()
    )
    picture = tag(
        "svg", *_axis(low, high), *areas, *marks, viewBox=f"0 0 {WIDTH} {HEIGHT + FOOT}", role="img", aria_label=f"{title}. {said}"
    )
    legend = [tag("li", tag("span", "", class_=f"key {kind}"), name) for name, (kind, _) in drawn.items()]
    return tag("figure", picture, tag("ul", *legend, tag("li", tag("span", "", class_="key dash"), "median"), class_="legend"))


def bars(caption: str, heads: Sequence[str], rows: Iterable[Bar], whole: int, of: int | None = None) -> Html:
    """A table of label, count, share of `of` (`whole` unless told) and a bar; `whole` is the full width."""
    total = whole if of is None else of
    told = [(row.label, number(row.size), percent(row.size / total if total else None), _bar(row, whole)) for row in rows]
    return grid(caption, [*heads, "#count", "#share", ""], told, "bars")


def _bar(row: Bar, whole: int) -> Html:
    if not whole or not row.size:
        return tag("svg", class_="bar", aria_hidden="true")
    begin, width = 100 * row.begin / whole, max(100 * row.size / whole, 0.4)
    rect = tag("rect", x=f"{min(begin, 99.6):.2f}%", width=f"{width:.2f}%", height="100%", rx="2", class_=row.kind)
    return tag("svg", rect, class_="bar", aria_hidden="true")


def _density(values: Mapping[str, Any]) -> list[float]:
    """Share of the values per unit of the axis, in each bin: what makes areas comparable."""
    edges, counts = values["histogram"]["edges"], values["histogram"]["counts"]
    return [count / values["count"] / (after - before) for count, before, after in zip(counts, edges, edges[1:], strict=False)]


def _area(kind: str, name: str, values: Mapping[str, Any], low: float, high: float, top: float) -> Html:
    edges = [_place(edge, low, high) for edge in values["histogram"]["edges"]]
    heights = [HEIGHT - (HEIGHT - 12) * density / top for density in _density(values)]
    steps = "".join(f"V{height:.1f}H{edge:.1f}" for height, edge in zip(heights, edges[1:], strict=True))
    middle = _place(values["quantiles"]["50"], low, high)
    return join(
        [
            tag("path", d=f"M{edges[0]:.1f} {HEIGHT}{steps}V{HEIGHT}Z", class_=f"area {kind}"),
            tag(
                "line", tag("title", f"median of {name}"), x1=f"{middle:.1f}", x2=f"{middle:.1f}", y1=4, y2=HEIGHT, class_=f"median {kind}"
            ),
        ]
    )


def _axis(low: float, high: float) -> list[Html]:
    marks = [tag("line", x1=0, x2=WIDTH, y1=HEIGHT, y2=HEIGHT, class_="axis")]
    for value, text in _ticks(low, high):
        place = _place(value, low, high)
        anchor = "start" if place < 16 else "end" if place > WIDTH - 16 else "middle"
        marks.append(tag("line", x1=f"{place:.1f}", x2=f"{place:.1f}", y1=0, y2=HEIGHT, class_="zero" if value == 0 else "rule"))
        marks.append(tag("text", text, x=f"{place:.1f}", y=HEIGHT + 16, text_anchor=anchor))
    return marks


def _place(value: float, low: float, high: float) -> float:
    return WIDTH * (value - low) / (high - low)


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Round numbers, about seven, with as many digits as tell them apart."""
    rough = (high - low) / 7
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    digits = max(0, -math.floor(math.log10(step)))
    first, last = math.ceil(low / step), math.floor(high / step)
    if digits > 6 or abs(first) > 1e6:
        return [(low, f"{low:.3g}"), (high, f"{high:.3g}")]
    return [(place * step, f"{place * step:,.{digits}f}".replace("-", "−")) for place in range(first, last + 1)]

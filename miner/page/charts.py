"""Charts as inline SVG: histograms drawn as areas of equal size, and bars in the cells of a table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from miner.page.html import Html, grid, join, number, percent, score, tag

WIDTH, HEIGHT, FOOT = 420, 170, 22
"""Size of a histogram, and the height of its axis labels, in SVG units."""


class Bar(NamedTuple):
    """One row of a bar chart.

    begin, size: in units of the chart's `whole`. kind: a class of the style sheet.
    """

    label: str
    size: int
    begin: int = 0
    kind: str = "quiet"


def histogram(title: str, series: Mapping[str, tuple[str, Mapping[str, Any]]], *marks: Html) -> Html:
    """Histograms as areas of equal size over one axis, each with its median.

    series: {name: (class of the style sheet, spread)}.
    marks: further SVG elements, drawn on top.
    """
    nonempty = {name: (kind, values) for name, (kind, values) in series.items() if values["count"]}
    if not nonempty:
        return tag("p", "Nothing to draw.", class_="note")
    low = min(values["histogram"]["edges"][0] for _, values in nonempty.values())
    high = max(values["histogram"]["edges"][-1] for _, values in nonempty.values())
    top = max(max(_density(values)) for _, values in nonempty.values())
    areas = [_area(kind, name, values, low, high, top) for name, (kind, values) in nonempty.items()]
    description = "; ".join(
        f"{name}: median {score(values['quantiles']['50'])}, {number(values['count'])} values" for name, (_, values) in nonempty.items()
    )
    picture = tag(
        "svg", *_axis(low, high), *areas, *marks, viewBox=f"0 0 {WIDTH} {HEIGHT + FOOT}", role="img", aria_label=f"{title}. {description}"
    )
    legend = [tag("li", tag("span", "", class_=f"key {kind}"), name) for name, (kind, _) in nonempty.items()]
    return tag("figure", picture, tag("ul", *legend, tag("li", tag("span", "", class_="key dash"), "median"), class_="legend"))


def bars(caption: str, heads: Sequence[str], rows: Iterable[Bar], whole: int, of: int | None = None) -> Html:
    """A table of labels, counts, shares and bars.

    whole: the count of a bar of full width.
    of: the count of 100 %; None: `whole`.
    """
    total = whole if of is None else of
    cells = [(row.label, number(row.size), percent(row.size / total if total else None), _bar(row, whole)) for row in rows]
    return grid(caption, [*heads, "#count", "#share", ""], cells, "bars")


def _bar(row: Bar, whole: int) -> Html:
    if not whole or not row.size:
        return tag("svg", class_="bar", aria_hidden="true")
    begin, width = 100 * row.begin / whole, max(100 * row.size / whole, 0.4)
    rect = tag("rect", x=f"{min(begin, 99.6):.2f}%", width=f"{width:.2f}%", height="100%", rx="2", class_=row.kind)
    return tag("svg", rect, class_="bar", aria_hidden="true")


def _density(values: Mapping[str, Any]) -> list[float]:
    """Share of the values per unit of the axis, in each bin: with it all areas have the same size."""
    edges, counts = values["histogram"]["edges"], values["histogram"]["counts"]
    return [count / values["count"] / (after - before) for count, before, after in zip(counts, edges, edges[1:], strict=False)]


def _area(kind: str, name: str, values: Mapping[str, Any], low: float, high: float, top: float) -> Html:
    edges = [_x(edge, low, high) for edge in values["histogram"]["edges"]]
    heights = [HEIGHT - (HEIGHT - 12) * density / top for density in _density(values)]
    steps = "".join(f"V{height:.1f}H{edge:.1f}" for height, edge in zip(heights, edges[1:], strict=True))
    median = _x(values["quantiles"]["50"], low, high)
    return join(
        [
            tag("path", d=f"M{edges[0]:.1f} {HEIGHT}{steps}V{HEIGHT}Z", class_=f"area {kind}"),
            tag(
                "line", tag("title", f"median of {name}"), x1=f"{median:.1f}", x2=f"{median:.1f}", y1=4, y2=HEIGHT, class_=f"median {kind}"
            ),
        ]
    )


def _axis(low: float, high: float) -> list[Html]:
    marks = [tag("line", x1=0, x2=WIDTH, y1=HEIGHT, y2=HEIGHT, class_="axis")]
    for value, text in ticks(low, high):
        x = _x(value, low, high)
        anchor = "start" if x < 16 else "end" if x > WIDTH - 16 else "middle"
        marks.append(tag("line", x1=f"{x:.1f}", x2=f"{x:.1f}", y1=0, y2=HEIGHT, class_="zero" if value == 0 else "rule"))
        marks.append(tag("text", text, x=f"{x:.1f}", y=HEIGHT + 16, text_anchor=anchor))
    return marks


def _x(value: float, low: float, high: float) -> float:
    return WIDTH * (value - low) / (high - low)


def ticks(low: float, high: float) -> list[tuple[float, str]]:
    """About seven round numbers, with as many decimals as distinguish them."""
    min_step = (high - low) / 7
    power = 10.0 ** math.floor(math.log10(min_step))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= min_step)
    digits = max(0, -math.floor(math.log10(step)))
    first, last = math.ceil(low / step), math.floor(high / step)
    if digits > 6 or abs(first) > 1e6:
        return [(low, f"{low:.3g}"), (high, f"{high:.3g}")]
    return [(multiple * step, f"{multiple * step:,.{digits}f}".replace("-", "−")) for multiple in range(first, last + 1)]

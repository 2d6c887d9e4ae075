"""Curves over steps or rounds as inline SVG, with axes, a legend of first and last values, and the same in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from miner.page.charts import ticks
from miner.page.html import Html, tag

WIDTH, HEIGHT, LEFT, FOOT, TOP = 640, 200, 58, 24, 10
"""Size of the area of the curves, room for the labels of its axes, in SVG units."""
KINDS = ("pos", "neg", "mar", "drop")
"""Classes of the style sheet; from the fifth curve on they are dashed."""
MAX_POINTS = 60
"""More points of a curve are not drawn as dots."""

Points = Sequence[tuple[int, float]]


def curves(title: str, series: Mapping[str, Points], saved: int | None = None, axis: str = "step") -> Html:
    """Curves over one axis.

    series: {name: [(step, value)]}.
    saved: the step that is marked by a vertical line.
    axis: what the horizontal axis counts.
    """
    drawn = {name: sorted(points) for name, points in series.items() if points}
    if not drawn:
        return tag("p", "Nothing to draw.", class_="note")
    every = [point for points in drawn.values() for point in points]
    frame = _Frame(min(step for step, _ in every), max(step for step, _ in every), *_span([value for _, value in every]))
    marks = frame.axes(axis)
    if saved is not None:
        x = f"{frame.x(saved):.1f}"
        marks.append(tag("line", x1=x, x2=x, y1=TOP, y2=TOP + HEIGHT, class_="saved"))
    legend = []
    for place, (name, points) in enumerate(drawn.items()):
        kind = KINDS[place % len(KINDS)] + (" dashed" if place >= len(KINDS) else "")
        marks += frame.curve(kind, points)
        legend.append(tag("li", tag("span", "", class_=f"key {kind}"), f"{name} {number(points[0][1])} → {number(points[-1][1])}"))
    if saved is not None:
        legend.append(tag("li", tag("span", "", class_="key dash"), f"saved: {axis} {saved:,}"))
    words = "; ".join(_words(name, points, axis) for name, points in drawn.items())
    size = f"0 0 {LEFT + WIDTH + 10} {TOP + HEIGHT + FOOT}"
    return tag("figure", tag("svg", *marks, viewBox=size, role="img", aria_label=f"{title}. {words}"), tag("ul", *legend, class_="legend"))


def number(value: float) -> str:
    """A count with separators of thousands, any other value with about four digits, and a true minus sign."""
    if isinstance(value, int):
        text = f"{value:,}"
    else:
        text = f"{value:,.1f}" if abs(value) >= 100 else f"{value:.4f}" if abs(value) >= 0.001 or not value else f"{value:.3g}"
    return text.replace("-", "−")


class _Frame:
    """The area of the curves: from steps and values to places in it."""

    def __init__(self, first: int, last: int, low: float, high: float) -> None:
        self.first, self.last, self.low, self.high = first, last, low, high

    def x(self, step: float) -> float:
        """The horizontal place of a step; the middle where there is one step alone."""
        return LEFT + (WIDTH * (step - self.first) / (self.last - self.first) if self.last > self.first else WIDTH / 2)

    def y(self, value: float) -> float:
        """The vertical place of a value."""
        return TOP + HEIGHT * (self.high - value) / (self.high - self.low)

    def axes(self, axis: str) -> list[Html]:
        """Lines and labels of round values, and of steps."""
        marks = []
        for value, text in ticks(self.low, self.high):
            y = f"{self.y(value):.1f}"
            marks.append(tag("line", x1=LEFT, x2=LEFT + WIDTH, y1=y, y2=y, class_="rule"))
            marks.append(tag("text", text, x=LEFT - 6, y=f"{self.y(value) + 4:.1f}", text_anchor="end"))
        bottom = TOP + HEIGHT
        marks.append(tag("line", x1=LEFT, x2=LEFT + WIDTH, y1=bottom, y2=bottom, class_="axis"))
        whole = [round(value) for value, _ in ticks(self.first, self.last) if value == round(value)] if self.last > self.first else []
        labels = [(self.x(step), f"{step:,}") for step in whole or [self.first]]
        marks += [tag("text", text, x=f"{x:.1f}", y=bottom + 16, text_anchor="middle") for x, text in labels]
        return [*marks, tag("text", axis, x=0, y=bottom + 16)]

    def curve(self, kind: str, points: Points) -> list[Html]:
        """A line through the points, and dots where they are few."""
        places = [(self.x(step), self.y(value)) for step, value in points]
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        dots = [
            tag("rect", x=f"{x - 2:.1f}", y=f"{y - 2:.1f}", width=4, height=4, rx=2, class_=f"point {kind}")
            for x, y in (places if len(places) <= MAX_POINTS else [])
        ]
        return [tag("path", d=path, class_=f"curve {kind}"), *dots]


def _span(values: Sequence[float]) -> tuple[float, float]:
    """The lowest and the highest value, apart where they are one."""
    low, high = min(values), max(values)
    margin = (high - low) * 0.04 or abs(high) * 0.1 or 0.1
    return low - margin, high + margin


def _words(name: str, points: Points, axis: str) -> str:
    (first, begin), (last, end) = points[0], points[-1]
    step, highest = max(points, key=lambda point: point[1])
    return f"{name}: {number(begin)} at {axis} {first:,}, {number(end)} at {axis} {last:,}, highest {number(highest)} at {axis} {step:,}"

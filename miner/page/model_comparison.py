"""The page of a comparison: a table, each model's mean with its interval, differences from the first, dev scores by step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from miner.page.html import DASH, Html, grid, number, tag
from miner.page.sections import document

WIDTH, ROW, LABEL, FOOT = 640, 26, 190, 24
KINDS = ("pos", "neg", "mar", "drop")

Told = Mapping[str, Any]


def comparison(told: Told) -> str:
    """One self-contained HTML page of what `evaluate` found."""
    data, first = told["data"], told["measures"][0]
    said = f"{number(data['queries'])} queries, {number(data['passages'])} passages, {number(data['judgements'])} judgements"
    rules = [tag("p", sentence, class_="note") for sentence in (said, data["rule"], *data["notes"])]
    parts = [tag("header", tag("h1", "Models compared"), *rules), tag("section", _table(told), id="numbers")]
    means = {label: (model[first]["mean"], *model[first]["interval"]) for label, model in told["models"].items()}
    parts.append(_card(f"{first}: mean and 95 % interval", intervals(means)))
    if told["differences"]:
        gaps = {label: (each[first]["mean"], *each[first]["interval"]) for label, each in told["differences"].items()}
        parts += [
            _card(f"{first}: difference from {told['baseline']}, 95 % interval", intervals(gaps, zero=True)),
            tag("section", _tests(told)),
        ]
    curves = {
        f"{label} {seed}" if seed else label: points
        for label, model in told["models"].items()
        for seed, points in enumerate(model["history"])
        if len(points) > 1
    }
    if curves:
        parts.append(_card("dev score by training step", lines(curves)))
    return document("Models compared", parts)


def intervals(values: Mapping[str, tuple[float, float, float]], *, zero: bool = False) -> Html:
    """A dot with its interval for every label: {label: (mean, low, high)}."""
    low, high = min(each[1] for each in values.values()), max(each[2] for each in values.values())
    low, high = (min(low, 0.0), max(high, 0.0)) if zero else (low, high)
    place = _scale(low, high, LABEL, WIDTH - 60)
    height = ROW * len(values)
    marks = [tag("line", x1=f"{place(0.0):.1f}", x2=f"{place(0.0):.1f}", y1=0, y2=height, class_="zero")] if zero else []
    for row, (label, (mean, left, right)) in enumerate(values.items()):
        middle = ROW * row + ROW / 2
        marks += [
            tag("text", label[:28], x=0, y=f"{middle + 4:.1f}"),
            tag("line", x1=f"{place(left):.1f}", x2=f"{place(right):.1f}", y1=f"{middle:.1f}", y2=f"{middle:.1f}", class_="axis"),
            tag("rect", x=f"{place(mean) - 3.5:.1f}", y=f"{middle - 3.5:.1f}", width=7, height=7, rx=3.5, class_="dot"),
            tag("text", _signed(mean) if zero else f"{mean:.4f}", x=WIDTH - 52, y=f"{middle + 4:.1f}"),
        ]
    marks += [tag("text", f"{value:.3f}", x=f"{place(value):.1f}", y=height + 16, text_anchor="middle") for value in (low, high)]
    said = "; ".join(f"{label} {mean:.4f}, {left:.4f} to {right:.4f}" for label, (mean, left, right) in values.items())
    return tag("figure", tag("svg", *marks, viewBox=f"0 0 {WIDTH} {height + FOOT}", role="img", aria_label=said))


def lines(curves: Mapping[str, Sequence[tuple[int, float]]], height: int = 220) -> Html:
    """Scores by step, a line for every label, each named at its end."""
    steps, scores = zip(*(point for points in curves.values() for point in points), strict=True)
    across, up = _scale(min(steps), max(steps), 40, WIDTH - 150), _scale(min(scores), max(scores), height - 24, 12)
    marks = []
    for place, (label, points) in enumerate(curves.items()):
        path = "M" + "L".join(f"{across(step):.1f} {up(score):.1f}" for step, score in sorted(points))
        last = max(points)
        marks += [
            tag("path", tag("title", label), d=path, class_=f"curve {KINDS[place % len(KINDS)]}"),
            tag("text", f"{label[:20]} {last[1]:.3f}", x=f"{across(last[0]) + 4:.1f}", y=f"{up(last[1]) + 4:.1f}"),
        ]
    marks += [tag("text", f"{score:.3f}", x=0, y=f"{up(score) + 4:.1f}") for score in (min(scores), max(scores))]
    marks += [tag("text", number(step), x=f"{across(step):.1f}", y=height, text_anchor="middle") for step in (min(steps), max(steps))]
    return tag("figure", tag("svg", *marks, viewBox=f"0 0 {WIDTH} {height + 6}", role="img", aria_label="dev score by training step"))


def _table(told: Told) -> Html:
    wanted = any("steps_to_target" in model for model in told["models"].values())
    heads = ["model", "#seeds", *(f"#{name}" for name in told["measures"]), *(["#steps to target"] if wanted else [])]
    rows = [
        [
            label,
            number(len(model["models"])),
            *(f"{model[name]['mean']:.4f}" for name in told["measures"]),
            *([", ".join(DASH if step is None else number(step) for step in model["steps_to_target"])] if wanted else []),
        ]
        for label, model in told["models"].items()
    ]
    return grid("Means over queries and seeds", heads, rows)


def _tests(told: Told) -> Html:
    rows = [
        [
            label,
            name,
            _signed(each["mean"]),
            f"{_signed(each['interval'][0])} to {_signed(each['interval'][1])}",
            _p(each["p"]),
            _p(each["p_holm"]),
        ]
        for label, measures in told["differences"].items()
        for name, each in measures.items()
    ]
    heads = ["model", "measure", "#difference", "#95 % interval", "#p (randomisation)", "#p (Holm)"]
    return grid(f"Differences from {told['baseline']}", heads, rows)


def _card(title: str, picture: Html) -> Html:
    return tag("section", tag("h2", title), tag("div", picture, class_="card"))


def _p(value: float) -> str:
    return f"{value:.4f}" if value >= 0.0001 else f"{value:.1g}"


def _signed(value: float) -> str:
    return f"{value:+.4f}".replace("-", "−")


def _scale(low: float, high: float, begin: float, end: float) -> Any:
    """A straight line from [low, high] to [begin, end]; the middle where there is no width."""
    if math.isclose(low, high):
        return lambda value: (begin + end) / 2
    return lambda value: begin + (end - begin) * (value - low) / (high - low)

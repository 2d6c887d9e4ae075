"""The page of an evaluation: a table, each model's mean with its interval, differences from the first, dev scores by step."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from miner.page.html import DASH, Html, grid, number, tag
from miner.page.sections import document

WIDTH, ROW, LABEL, FOOT = 640, 26, 190, 24
KINDS = ("pos", "neg", "mar", "drop")

Summary = Mapping[str, Any]
"""The summary of an `Evaluation`."""


def comparison(summary: Summary) -> str:
    """One self-contained HTML page of the summary of an evaluation."""
    data = summary["data"]
    sizes = f"{number(data['queries'])} queries, {number(data['passages'])} passages, {number(data['judgements'])} judgements"
    rules = [tag("p", sentence, class_="note") for sentence in (sizes, data["rule"], *data["notes"])]
    parts = [tag("header", tag("h1", "Models compared"), *rules), tag("section", _table(summary), id="numbers")]
    parts += [picture for name in summary["measures"] for picture in _pictures(summary, name)]
    if summary["differences"]:
        parts.append(tag("section", _tests(summary)))
    curves = {
        f"{label} {seed}" if seed else label: points
        for label, model in summary["models"].items()
        for seed, points in enumerate(model["history"])
        if len(points) > 1
    }
    if curves:
        parts.append(_card("dev score by training step", lines(curves)))
    return document("Models compared", parts)


def _pictures(summary: Summary, name: str) -> list[Html]:
    """The means of one measure, and its differences from the baseline."""
    means = {label: (model[name]["mean"], *model[name]["interval"]) for label, model in summary["models"].items()}
    pictures = [_card(f"{name}: mean and 95 % interval", intervals(means))]
    if differences := {label: (values[name]["mean"], *values[name]["interval"]) for label, values in summary["differences"].items()}:
        pictures.append(_card(f"{name}: difference from {summary['baseline']}, 95 % interval", intervals(differences, zero=True)))
    return pictures


def intervals(values: Mapping[str, tuple[float, float, float]], *, zero: bool = False) -> Html:
    """A dot with its interval for every label.

    values: {label: (mean, low, high)}.
    zero: whether the axis includes 0, with a line there.
    """
    low, high = min(interval[1] for interval in values.values()), max(interval[2] for interval in values.values())
    low, high = (min(low, 0.0), max(high, 0.0)) if zero else (low, high)
    x = _scale(low, high, LABEL, WIDTH - 60)
    height = ROW * len(values)
    marks = [tag("line", x1=f"{x(0.0):.1f}", x2=f"{x(0.0):.1f}", y1=0, y2=height, class_="zero")] if zero else []
    for row, (label, (mean, interval_low, interval_high)) in enumerate(values.items()):
        y = ROW * row + ROW / 2
        marks += [
            tag("text", label[:28], x=0, y=f"{y + 4:.1f}"),
            tag("line", x1=f"{x(interval_low):.1f}", x2=f"{x(interval_high):.1f}", y1=f"{y:.1f}", y2=f"{y:.1f}", class_="axis"),
            tag("rect", x=f"{x(mean) - 3.5:.1f}", y=f"{y - 3.5:.1f}", width=7, height=7, rx=3.5, class_="dot"),
            tag("text", _signed(mean) if zero else f"{mean:.4f}", x=WIDTH - 52, y=f"{y + 4:.1f}"),
        ]
    marks += [tag("text", f"{value:.3f}", x=f"{x(value):.1f}", y=height + 16, text_anchor="middle") for value in (low, high)]
    description = "; ".join(
        f"{label} {mean:.4f}, {interval_low:.4f} to {interval_high:.4f}" for label, (mean, interval_low, interval_high) in values.items()
    )
    return tag("figure", tag("svg", *marks, viewBox=f"0 0 {WIDTH} {height + FOOT}", role="img", aria_label=description))


def lines(curves: Mapping[str, Sequence[tuple[int, float]]], height: int = 220) -> Html:
    """Scores by step: one line per label, with the label at its end.

    curves: {label: [(step, score)]}.
    """
    steps, scores = zip(*(point for points in curves.values() for point in points), strict=True)
    x, y = _scale(min(steps), max(steps), 40, WIDTH - 150), _scale(min(scores), max(scores), height - 24, 12)
    marks = []
    for curve, (label, points) in enumerate(curves.items()):
        path = "M" + "L".join(f"{x(step):.1f} {y(score):.1f}" for step, score in sorted(points))
        last = max(points)
        marks += [
            tag("path", tag("title", label), d=path, class_=f"curve {KINDS[curve % len(KINDS)]}"),
            tag("text", f"{label[:20]} {last[1]:.3f}", x=f"{x(last[0]) + 4:.1f}", y=f"{y(last[1]) + 4:.1f}"),
        ]
    marks += [tag("text", f"{score:.3f}", x=0, y=f"{y(score) + 4:.1f}") for score in (min(scores), max(scores))]
    marks += [tag("text", number(step), x=f"{x(step):.1f}", y=height, text_anchor="middle") for step in (min(steps), max(steps))]
    return tag("figure", tag("svg", *marks, viewBox=f"0 0 {WIDTH} {height + 6}", role="img", aria_label="dev score by training step"))


def _table(summary: Summary) -> Html:
    has_target = any("steps_to_target" in model for model in summary["models"].values())
    heads = ["model", "#seeds", *(f"#{name}" for name in summary["measures"]), *(["#steps to target"] if has_target else [])]
    rows = [
        [
            label,
            number(len(model["models"])),
            *(f"{model[name]['mean']:.4f}" for name in summary["measures"]),
            *([", ".join(DASH if step is None else number(step) for step in model["steps_to_target"])] if has_target else []),
        ]
        for label, model in summary["models"].items()
    ]
    return grid("Means over queries and seeds", heads, rows)


def _tests(summary: Summary) -> Html:
    rows = [
        [
            label,
            name,
            _signed(test["mean"]),
            f"{_signed(test['interval'][0])} to {_signed(test['interval'][1])}",
            _p(test["p"]),
            _p(test["p_holm"]),
        ]
        for label, measures in summary["differences"].items()
        for name, test in measures.items()
    ]
    heads = ["model", "measure", "#difference", "#95 % interval", "#p (randomisation)", "#p (Holm)"]
    return grid(f"Differences from {summary['baseline']}", heads, rows)


def _card(title: str, picture: Html) -> Html:
    return tag("section", tag("h2", title), tag("div", picture, class_="card"))


def _p(value: float) -> str:
    return f"{value:.4f}" if value >= 0.0001 else f"{value:.1g}"


def _signed(value: float) -> str:
    return f"{value:+.4f}".replace("-", "−")


def _scale(low: float, high: float, begin: float, end: float) -> Callable[[float], float]:
    """The linear map from [low, high] to [begin, end]; the middle of [begin, end] where low equals high."""
    if math.isclose(low, high):
        return lambda value: (begin + end) / 2
    return lambda value: begin + (end - begin) * (value - low) / (high - low)

"""A run at a glance: scores with a ceiling that can be moved, margins, what was dropped, where the negatives come from, what to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from app.pages.frame import crumbs, form
from app.pages.run_list import badge, title, when
from app.storage.job_rows import Job
from miner.evaluation.intervals import wilson
from miner.page.charts import HEIGHT, histogram
from miner.page.html import Html, number, percent, tag
from miner.page.sections import card, cases, ranks, section, tiles, waterfall

DRAWN = 50
"""Bins of a picture; the ceiling moves by finer ones."""

SERIES = {"positives": "pos", "kept": "neg", "dropped": "drop"}


@dataclass(frozen=True)
class Sampled:
    """What the reviewed beginning of the random sample says. decided: without those that nobody is sure of."""

    drawn: int
    reviewed: int
    decided: int
    false: int


def overview(job: Job, report: Mapping[str, Any], survey: Mapping[str, Any], sampled: Sampled, reviewed: int, model: str) -> list[Html]:
    """The page."""
    said = " · ".join(filter(None, (model, when(job.created_at), f"similarity {report['setup']['similarity']}")))
    named = tag("div", tag("h1", title(job), " ", badge(job.kind)), tag("p", said, class_="note"))
    return [
        crumbs(("/", "Runs"), (None, title(job))),
        tag("div", named, _actions(job, reviewed), class_="head"),
        tiles(report),
        _scores(job, survey),
        _rate(job, sampled),
        waterfall(report),
        ranks(report),
        cases(report, lambda name: tag("a", name, href=review_at(job.id, query=name))),
        _files(job),
    ]


def review_at(job_id: str, **asked: str) -> str:
    """The address of a page of review."""
    return f"/jobs/{job_id}/review" + (f"?{urlencode(asked)}" if asked else "")


def rate(sampled: Sampled) -> str:
    """The false-negative rate with its 95 % interval (Wilson), in words."""
    interval = wilson(sampled.false, sampled.decided)
    if interval is None:
        return "Nothing of the sample was reviewed yet."
    share = percent(sampled.false / sampled.decided)
    return f"{share} false negatives (95 %: {percent(interval[0])} to {percent(interval[1])}), {sampled.false} of {sampled.decided} decided"


def _actions(job: Job, reviewed: int) -> Html:
    look = tag("a", "Review", href=review_at(job.id), class_="button")
    again = None
    if reviewed:
        heed = tag("input", type="hidden", name="verdicts", value="reviews")
        again = form(f"/jobs/{job.id}/export", heed, tag("button", f"Export heeding {number(reviewed)} reviewed", class_="plain"))
    return tag("div", look, again, class_="actions")


def _scores(job: Job, survey: Mapping[str, Any]) -> Html:
    scores, margins = survey["scores"], survey["margins"]
    series = {name: (kind, _spread(scores["edges"], scores[name])) for name, kind in SERIES.items()}
    mark = tag("line", x1="420", x2="420", y1="0", y2=HEIGHT, class_="ceiling")
    shade = tag("rect", x="420", y="0", width="0", height=HEIGHT, class_="beyond")
    picture = tag("div", histogram("Scores of positives, kept and dropped candidates", series, shade, mark), class_="plot")
    margin = histogram("Margin", {"positive less chosen negative": ("mar", _spread(margins["edges"], margins["chosen"]))})
    note = tag("p", "Left of zero a negative scores above its weakest positive.", class_="note")
    return section("How hard", tag("div", card("Scores", picture, _ceiling(job, scores)), card("Margin", margin, note), class_="pair"))


def _ceiling(job: Job, scores: Mapping[str, Any]) -> Html:
    """A slider over the axis of the picture; the script tells what lies beyond it, from these counts."""
    edges, name = scores["edges"], "ceiling"
    slider = tag(
        "input",
        type="range",
        id=name,
        name=name,
        min="0",
        max=len(edges) - 1,
        step="1",
        value=len(edges) - 1,
        aria_describedby="beyond",
        data_edges=",".join(f"{edge:g}" for edge in edges),
        **{f"data_{which}": ",".join(map(str, scores[which])) for which in ("kept", "chosen")},
    )
    label = tag("label", "Ceiling ", tag("output", "none", for_=name, id="value"), for_=name)
    told = tag("p", "Move the ceiling to see what it would drop.", id="beyond", class_="note", role="status")
    send = tag("button", "Export with this ceiling", class_="plain")
    return form(f"/jobs/{job.id}/export", slider, tag("div", label, send, class_="head"), told, class_="ceilings")


def _rate(job: Job, sampled: Sampled) -> Html:
    told = tag("p", rate(sampled), class_="lead")
    share = f"{number(sampled.reviewed)} of {number(sampled.drawn)} negatives drawn by chance were reviewed, in the order they were drawn."
    go = tag("a", "Review the sample", href=review_at(job.id, order="sample"), class_="button plain")
    return section("How many are false", tag("div", told, tag("p", share, class_="note"), tag("p", go), class_="card"))


def _files(job: Job) -> Html:
    files = job.result.get("files", {})
    names = {"training_file": "Training file", "report_page": "Report", "report": "Report as JSON", "manifest": "Manifest"}
    links = [tag("li", tag("a", names.get(role, role), href=f"/v1/files/{file}/content", download="")) for role, file in files.items()]
    said = tag("li", tag("a", "Verdicts", href=f"/v1/jobs/{job.id}/reviews?format=jsonl", download=""))
    return section("Files", tag("ul", *links, said, class_="files card"))


def _spread(edges: Sequence[float], counts: Sequence[int]) -> dict[str, Any]:
    """Counts in bins as the chart wants them, about DRAWN of them; the median is the middle of its bin."""
    total = sum(counts)
    if not total:
        return {"count": 0}
    below, middle = 0, 0
    while 2 * (below + counts[middle]) < total:
        below, middle = below + counts[middle], middle + 1
    quantiles = {"50": (edges[middle] + edges[middle + 1]) / 2}
    step = -(-len(counts) // DRAWN)
    wider = [sum(counts[place : place + step]) for place in range(0, len(counts), step)]
    return {"count": total, "quantiles": quantiles, "histogram": {"edges": [*edges[:-1:step], edges[-1]], "counts": wider}}

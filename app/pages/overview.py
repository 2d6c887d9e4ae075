"""The page of one run: histograms of scores and margins, a movable maximum score, drop counts, ranks, suspicious cases, files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict
from urllib.parse import urlencode

from app.pages.frame import breadcrumbs, form
from app.pages.run_list import badge, title, utc_time
from app.storage.job_rows import Job
from miner.evaluation.intervals import wilson
from miner.page.charts import HEIGHT, histogram
from miner.page.html import Html, number, percent, tag
from miner.page.sections import card, cases, ranks, section, tiles, waterfall

CHART_BINS = 50
"""Bins of a histogram. The slider for the maximum score uses the finer bins of the survey."""

SERIES = {"positives": "pos", "kept": "neg", "dropped": "drop"}


class Histogram(TypedDict):
    """The edges of the bins, and how many values each holds."""

    edges: list[float]
    counts: list[int]


class ChartData(TypedDict, total=False):
    """The data of a histogram; without values the count alone."""

    count: int
    quantiles: dict[str, float]
    histogram: Histogram


@dataclass(frozen=True)
class SampleSummary:
    """Counts over the reviewed prefix of the random sample of negatives. decided: reviews that are not `unsure`."""

    drawn: int
    reviewed: int
    decided: int
    false_negatives: int


def overview(
    job: Job, report: Mapping[str, Any], survey: Mapping[str, Any], sample: SampleSummary, reviewed: int, model: str
) -> list[Html]:
    """The page."""
    subtitle = " · ".join(filter(None, (model, utc_time(job.created_at), f"similarity {report['setup']['similarity']}")))
    heading = tag("div", tag("h1", title(job), " ", badge(job.kind)), tag("p", subtitle, class_="note"))
    return [
        breadcrumbs(("/", "Runs"), (None, title(job))),
        tag("div", heading, _actions(job, reviewed), class_="head"),
        tiles(report),
        _scores(job, survey),
        _rate(job, sample),
        waterfall(report),
        ranks(report),
        cases(report, lambda name: tag("a", name, href=review_at(job.id, query=name))),
        _files(job),
    ]


def review_at(job_id: str, **query: str) -> str:
    """The address of a page of review."""
    return f"/jobs/{job_id}/review" + (f"?{urlencode(query)}" if query else "")


def rate(sample: SampleSummary) -> str:
    """The false-negative rate with its 95 % interval (Wilson), in words."""
    interval = wilson(sample.false_negatives, sample.decided)
    if interval is None:
        return "No pair of the sample has a verdict yet."
    share = percent(sample.false_negatives / sample.decided)
    counts = f"{sample.false_negatives} of {sample.decided} decided"
    return f"{share} false negatives (95 %: {percent(interval[0])} to {percent(interval[1])}), {counts}"


def _actions(job: Job, reviewed: int) -> Html:
    review_link = tag("a", "Review", href=review_at(job.id), class_="button")
    export_form = None
    if reviewed:
        verdicts = tag("input", type="hidden", name="verdicts", value="reviews")
        export_form = form(
            f"/jobs/{job.id}/export", verdicts, tag("button", f"Export with verdicts on {number(reviewed)} pairs", class_="plain")
        )
    return tag("div", review_link, export_form, class_="actions")


def _scores(job: Job, survey: Mapping[str, Any]) -> Html:
    scores, margins = survey["scores"], survey["margins"]
    series = {name: (kind, _chart_data(scores["edges"], scores[name])) for name, kind in SERIES.items()}
    mark = tag("line", x1="420", x2="420", y1="0", y2=HEIGHT, class_="ceiling")
    shade = tag("rect", x="420", y="0", width="0", height=HEIGHT, class_="beyond")
    picture = tag("div", histogram("Scores of positives, kept and dropped candidates", series, shade, mark), class_="plot")
    margin = histogram("Margin", {"positive less negative": ("mar", _chart_data(margins["edges"], margins["chosen"]))})
    note = tag("p", "Below 0 a negative scores above its weakest positive.", class_="note")
    return section("Hardness", tag("div", card("Scores", picture, _ceiling(job, scores)), card("Margin", margin, note), class_="pair"))


def _ceiling(job: Job, scores: Mapping[str, Any]) -> Html:
    """A slider over the score axis. The script computes from these counts how many candidates score above it."""
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
        **{f"data_{series}": ",".join(map(str, scores[series])) for series in ("kept", "chosen")},
    )
    label = tag("label", "Ceiling ", tag("output", "none", for_=name, id="value"), for_=name)
    status = tag("p", "Move the ceiling to see how many candidates it drops.", id="beyond", class_="note", role="status")
    send = tag("button", "Export with this ceiling", class_="plain")
    return form(f"/jobs/{job.id}/export", slider, tag("div", label, send, class_="head"), status, class_="ceilings")


def _rate(job: Job, sample: SampleSummary) -> Html:
    lead = tag("p", rate(sample), class_="lead")
    share = f"{number(sample.reviewed)} of {number(sample.drawn)} negatives in the random sample are reviewed, in the order of the draw."
    link = tag("a", "Review the sample", href=review_at(job.id, order="sample"), class_="button plain")
    return section("False-negative rate", tag("div", lead, tag("p", share, class_="note"), tag("p", link), class_="card"))


def _files(job: Job) -> Html:
    files = job.result.get("files", {})
    names = {"training_file": "Training file", "report_page": "Report", "report": "Report as JSON", "manifest": "Manifest"}
    links = [tag("li", tag("a", names.get(role, role), href=f"/v1/files/{file}/content", download="")) for role, file in files.items()]
    verdicts = tag("li", tag("a", "Verdicts", href=f"/v1/jobs/{job.id}/reviews?format=jsonl", download=""))
    return section("Files", tag("ul", *links, verdicts, class_="files card"))


def _chart_data(edges: Sequence[float], counts: Sequence[int]) -> ChartData:
    """The data of a histogram with about CHART_BINS bins. The median is approximated by the middle of its bin."""
    total = sum(counts)
    if not total:
        return {"count": 0}
    below, middle = 0, 0
    while 2 * (below + counts[middle]) < total:
        below, middle = below + counts[middle], middle + 1
    quantiles = {"50": (edges[middle] + edges[middle + 1]) / 2}
    step = -(-len(counts) // CHART_BINS)
    merged = [sum(counts[start : start + step]) for start in range(0, len(counts), step)]
    return {"count": total, "quantiles": quantiles, "histogram": {"edges": [*edges[:-1:step], edges[-1]], "counts": merged}}

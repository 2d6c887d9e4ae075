"""The list of runs: the settings, the state and the counts of each, with links."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from app.pages.frame import form
from app.storage.job_rows import Job, JobError
from miner.page.html import DASH, Html, join, number, percent, tag

KIND_LABELS = {"mine": "Mining", "export": "Export", "index": "Corpus"}
PAGE_ROWS = 50


def runs(jobs: Sequence[Job], reviewed: dict[str, int], public_name: Callable[[str], str], older: str | None) -> list[Html]:
    """The page.

    reviewed: number of pairs with a verdict, by job.
    public_name: the public name of a model.
    older: the id of the last job shown, where older ones follow.
    """
    if not jobs:
        alternatives = (tag("code", "POST /v1/jobs"), ", or by ", tag("code", "hardneg jobs submit"), ".")
        hint = tag("p", "Runs appear here when a job is sent to ", *alternatives)
        return [tag("h1", "Runs"), tag("div", tag("h2", "No runs yet"), hint, class_="empty")]
    heads = ("Run", "State", "Queries", "Negatives", "Dropped", "Reviewed", "Took")
    head = tag("tr", *(tag("th", name, scope="col", class_="num" if column > 1 else None) for column, name in enumerate(heads)))
    body = [_row(job, reviewed.get(job.id, 0), public_name) for job in jobs]
    table = tag("table", tag("thead", head), tag("tbody", *body), class_="runs")
    link = tag("p", tag("a", "Older runs", href=f"/?after={older}"), class_="more") if older else None
    return [tag("h1", "Runs"), tag("div", table, class_="scroll card", role="region", aria_label="Runs", tabindex="0"), join([link])]


def title(job: Job) -> str:
    """The title of a run: its kind, and the end of its id, which differs between runs of one day."""
    return f"{KIND_LABELS.get(job.kind, job.kind)} {job.id[-6:]}"


def utc_time(seconds: float | None) -> str:
    """A time, in UTC."""
    return DASH if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%d %b %Y, %H:%M UTC")


def badge(state: str) -> Html:
    """A coloured label with the state of a job."""
    return tag("span", state, class_=f"badge {state}")


def has_run(job: Job) -> bool:
    """Whether the job has a run folder, and so a page."""
    return job.state == "succeeded" and job.kind in ("mine", "export")


def _row(job: Job, reviewed: int, public_name: Callable[[str], str]) -> Html:
    counts = job.result.get("mining", {})
    dropped = sum(counts.get("dropped", {}).values()) / counts["judged"] if counts.get("judged") else None
    numbers = (
        number(counts.get("queries")),
        number(counts.get("chosen")),
        percent(dropped),
        number(reviewed) if reviewed else DASH,
        _took(job),
    )
    state = tag("td", badge(job.state), _state_details(job))
    return tag("tr", tag("th", _name(job, public_name), scope="row"), state, *(tag("td", value, class_="num") for value in numbers))


def _name(job: Job, public_name: Callable[[str], str]) -> Html:
    name: Html = tag("a", title(job), href=f"/jobs/{job.id}") if has_run(job) else tag("b", title(job))
    config = job.spec.get("config", {})
    model = str(config.get("model") or "")
    details = " · ".join(filter(None, (public_name(model) if model else "", config.get("output_format"), utc_time(job.created_at))))
    return join([name, tag("small", details)])


def _state_details(job: Job) -> Html | None:
    """The details of the state: the progress or the error, with a button to cancel or to retry."""
    if job.state in ("queued", "running", "cancelling"):
        progress = f"{job.stage}{f' {100 * job.done // job.total} %' if job.total else ''}" if job.stage else "waits for a worker"
        meter = tag("progress", max=str(job.total or 1), value=str(job.done) if job.total else None, aria_label="Progress")
        stop = form(f"/jobs/{job.id}/cancel", tag("button", "Cancel", class_="plain", aria_label=f"Cancel {title(job)}"))
        return tag(
            "div", meter, tag("small", progress, class_="stage"), stop, class_="live", data_job=job.id, data_seen=str(job.last_event)
        )
    if job.state in ("failed", "crashed", "cancelled"):
        reason = str(_detail(job.error)) if job.error else None
        again = form(f"/jobs/{job.id}/retry", tag("button", "Try again", class_="plain", aria_label=f"Try again: {title(job)}"))
        return tag("div", tag("small", reason) if reason else None, again)
    return None


def _detail(error: JobError | None) -> str:
    return error.get("detail", "") if error else ""


def _took(job: Job) -> str:
    if job.started_at is None or job.finished_at is None:
        return DASH
    seconds = job.finished_at - job.started_at
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{seconds / 3600:.1f} h"

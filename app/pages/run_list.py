"""The list of runs: what each was asked for, what has become of it, and where to look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from app.pages.frame import form
from app.storage.job_rows import Job
from miner.page.html import DASH, Html, join, number, percent, tag

WORDS = {"mine": "Mining", "export": "Export", "index": "Corpus"}
SHOWN = 50


def runs(jobs: Sequence[Job], reviewed: dict[str, int], named: Callable[[str], str], older: str | None) -> list[Html]:
    """The page. reviewed: pairs with a verdict, by job. named: a model by its public name. older: the job to go on behind."""
    if not jobs:
        sent = (tag("code", "POST /v1/jobs"), ", or by ", tag("code", "hardneg jobs submit"), ".")
        hint = tag("p", "Runs appear here when a job is sent to ", *sent)
        return [tag("h1", "Runs"), tag("div", tag("h2", "Nothing was run yet"), hint, class_="empty")]
    heads = ("Run", "State", "Queries", "Negatives", "Dropped", "Reviewed", "Took")
    head = tag("tr", *(tag("th", name, scope="col", class_="num" if place > 1 else None) for place, name in enumerate(heads)))
    body = [_row(job, reviewed.get(job.id, 0), named) for job in jobs]
    table = tag("table", tag("thead", head), tag("tbody", *body), class_="runs")
    more = tag("p", tag("a", "Older runs", href=f"/?after={older}"), class_="more") if older else None
    return [tag("h1", "Runs"), tag("div", table, class_="scroll card", role="region", aria_label="Runs", tabindex="0"), join([more])]


def title(job: Job) -> str:
    """What a run is called: what it is, and the end of its id, which tells runs of a day apart."""
    return f"{WORDS.get(job.kind, job.kind)} {job.id[-6:]}"


def when(seconds: float | None) -> str:
    """A time, in UTC."""
    return DASH if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%d %b %Y, %H:%M UTC")


def badge(state: str) -> Html:
    """The state of a job, in a word and a colour."""
    return tag("span", state, class_=f"badge {state}")


def has_run(job: Job) -> bool:
    """Whether there is something to look at."""
    return job.state == "succeeded" and job.kind in ("mine", "export")


def _row(job: Job, reviewed: int, named: Callable[[str], str]) -> Html:
    told = job.result.get("mining", {})
    dropped = sum(told.get("dropped", {}).values()) / told["judged"] if told.get("judged") else None
    numbers = (
        number(told.get("queries")),
        number(told.get("chosen")),
        percent(dropped),
        number(reviewed) if reviewed else DASH,
        _took(job),
    )
    state = tag("td", badge(job.state), _more(job))
    return tag("tr", tag("th", _name(job, named), scope="row"), state, *(tag("td", value, class_="num") for value in numbers))


def _name(job: Job, named: Callable[[str], str]) -> Html:
    name: Html = tag("a", title(job), href=f"/jobs/{job.id}") if has_run(job) else tag("b", title(job))
    config = job.spec.get("config", {})
    model = str(config.get("model") or "")
    told = " · ".join(filter(None, (named(model) if model else "", config.get("output_format"), when(job.created_at))))
    return join([name, tag("small", told)])


def _more(job: Job) -> Html | None:
    """What goes with the state: how far it is, why it failed, what can be done."""
    if job.state in ("queued", "running", "cancelling"):
        done = f"{job.stage}{f' {100 * job.done // job.total} %' if job.total else ''}" if job.stage else "waits for a worker"
        meter = tag("progress", max=str(job.total or 1), value=str(job.done) if job.total else None, aria_label="Progress")
        stop = form(f"/jobs/{job.id}/cancel", tag("button", "Cancel", class_="plain", aria_label=f"Cancel {title(job)}"))
        return tag("div", meter, tag("small", done, class_="said"), stop, class_="live", data_job=job.id, data_seen=str(job.last_event))
    if job.state in ("failed", "crashed", "cancelled"):
        said = str(_detail(job.error)) if job.error else None
        again = form(f"/jobs/{job.id}/retry", tag("button", "Try again", class_="plain", aria_label=f"Try again: {title(job)}"))
        return tag("div", tag("small", said) if said else None, again)
    return None


def _detail(error: dict[str, Any] | None) -> str:
    return str((error or {}).get("detail", ""))


def _took(job: Job) -> str:
    if job.started_at is None or job.finished_at is None:
        return DASH
    seconds = job.finished_at - job.started_at
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{seconds / 3600:.1f} h"

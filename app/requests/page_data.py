"""What the pages show, fetched: jobs, reviews, runs. What routes/pages.py calls."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qsl

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.auth.attempts import WRONG_KEY_SECONDS
from app.auth.browser import drop, keep
from app.auth.keys import Caller, digest_of
from app.errors import Conflict, TooLarge, TooOften, WrongMedia
from app.guard import address_of, note_wrong_key
from app.jobs.export import ExportJob
from app.pages import login as login_page
from app.pages import overview as overview_page
from app.pages import review as review_page
from app.pages import run_list as runs_page
from app.pages.frame import page
from app.pages.overview import review_at
from app.pages.review_queue import Order, lineup
from app.pages.run_survey import run_of, sampled_of, survey_of
from app.requests import job_requests
from app.services import Desk
from miner.core.verdicts import verdict_of

FORM = "application/x-www-form-urlencoded"
MOST_FORM_BYTES = 16_384


async def fields(request: Request) -> dict[str, str]:
    """The fields of a small form. WrongMedia, TooLarge."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise WrongMedia(f"a form is sent as {FORM}")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_FORM_BYTES:
            raise TooLarge(f"the form is larger than {MOST_FORM_BYTES:,} bytes")
    return dict(parse_qsl(body.decode("ascii", "replace"), keep_blank_values=True, errors="replace"))


async def sign_in(request: Request, at: Desk, given: dict[str, str]) -> Response:
    """A session for a key that opens; the form again for one that does not. TooOften after many that did not."""
    onward = login_page.place(given.get("next", ""))
    if at.keyring.open:
        return RedirectResponse(onward, 303)
    client, key = address_of(request.scope), given.get("key", "").strip()
    if seconds := at.attempts.begin(client, digest_of(key)):
        raise TooOften(seconds)
    token = await run_sync(at.sessions.open, key)
    if token is None:
        at.attempts.wrong(client, digest_of(key))
        at.metrics.wrong_keys.labels("form").inc()
        note_wrong_key("the form", client, behind="x-forwarded-for" in request.headers and not at.settings.trusted_proxies)
        await asyncio.sleep(WRONG_KEY_SECONDS)
        return page(request, "Sign in", login_page.login(onward, True), status=401)
    at.attempts.right(client, digest_of(key))
    answer = RedirectResponse(onward, 303)
    keep(answer, token, request.headers)
    return answer


def sign_out(request: Request, at: Desk) -> Response:
    """The session is over, here and in the browser."""
    if request.state.session:
        at.sessions.close(request.state.session)
    answer = RedirectResponse("/login", 303)
    drop(answer)
    return answer


def runs(request: Request, at: Desk, after: str) -> Response:
    """The list of runs."""
    jobs = at.queue.ls(None, None, after, runs_page.SHOWN)
    older = jobs[-1].id if len(jobs) == runs_page.SHOWN else None
    return page(request, "Runs", runs_page.runs(jobs, at.reviews.counts([job.id for job in jobs]), at.settings.known_models.named, older))


def overview(request: Request, at: Desk, job_id: str) -> Response:
    """A run at a glance."""
    job, run = run_of(at, job_id)
    survey, model = survey_of(run), str(job.spec["config"].get("model") or "")
    sampled = sampled_of(survey["sample"], at.reviews.standing(job_id))
    reviewed = at.reviews.counts([job_id]).get(job_id, 0)
    named = at.settings.known_models.named(model) if model else ""
    return page(request, runs_page.title(job), overview_page.overview(job, run.report, survey, sampled, reviewed, named))


def review(request: Request, at: Desk, job_id: str, order: Order, place: int | None, query_id: str | None) -> Response:
    """A query with its candidates."""
    job, run = run_of(at, job_id)
    standing = at.reviews.standing(job_id)
    sampled = sampled_of(survey_of(run)["sample"], standing)
    shown = lineup(run, standing, order, place, query_id)
    return page(request, f"Review · {runs_page.title(job)}", review_page.review(job, shown, sampled), scripts=("review.js",))


def say(at: Desk, job_id: str, given: dict[str, str], caller: Caller) -> Response:
    """A verdict from the form, where no script sends it."""
    said = verdict_of({name: given.get(name) for name in ("query_id", "passage_id", "verdict")}, "the form")
    at.reviews.append(job_id, [said], caller)
    place = given.get("at", "")
    asked = {"order": "sample" if given.get("order") == "sample" else "suspicious", "at": place}
    return RedirectResponse(review_at(job_id, **(asked if place.isdecimal() else {"query": said.query_id})), 303)


def export(at: Desk, job_id: str, given: dict[str, str], caller: Caller) -> Response:
    """Choose again: below a ceiling, heeding what was said, or both."""
    asked: dict[str, Any] = {"kind": "export", "job": job_id}
    if given.get("verdicts") == "reviews":
        asked["verdicts"] = "reviews"
    if place := given.get("ceiling"):
        edges = survey_of(run_of(at, job_id)[1])["scores"]["edges"]
        if not place.isdecimal() or int(place) >= len(edges) - 1:
            raise Conflict("this ceiling drops nothing: move it first")
        asked["config"] = {"filters": [f"max_score:score={edges[int(place)]:g}"]}
    job_requests.submit(ExportJob(**asked), at, caller, None)
    return RedirectResponse("/", 303)

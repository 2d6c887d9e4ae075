"""The requests of the pages: read jobs, reviews and runs for a page, or apply its form. Called by routes/pages.py."""

from __future__ import annotations

import asyncio
from typing import Literal
from urllib.parse import parse_qsl

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.auth.attempts import WRONG_KEY_SECONDS
from app.auth.browser import delete_session_cookie, set_session_cookie
from app.auth.keys import Caller, digest_of
from app.errors import Conflict, TooLarge, TooOften, WrongMedia
from app.guard import address_of, log_wrong_key
from app.jobs.export import ExportJob
from app.pages import login as login_page
from app.pages import overview as overview_page
from app.pages import review as review_page
from app.pages import run_list as runs_page
from app.pages.frame import page
from app.pages.overview import review_at
from app.pages.review_queue import Order, review_item
from app.pages.run_survey import run_of, sample_summary, survey_of
from app.requests import job_requests
from app.services import Services
from miner.core.verdicts import verdict_of

FORM_MEDIA_TYPE = "application/x-www-form-urlencoded"
MAX_FORM_BYTES = 16_384


async def form_fields(request: Request) -> dict[str, str]:
    """The fields of a form. WrongMedia, TooLarge."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM_MEDIA_TYPE:
        raise WrongMedia(f"a form is sent as {FORM_MEDIA_TYPE}")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise TooLarge(f"the form is larger than {MAX_FORM_BYTES:,} bytes")
    return dict(parse_qsl(body.decode("ascii", "replace"), keep_blank_values=True, errors="replace"))


async def sign_in(request: Request, services: Services, form: dict[str, str]) -> Response:
    """Open a session for a valid key; show the form again for a wrong one. TooOften after too many wrong keys."""
    next_page = login_page.safe_next(form.get("next", ""))
    if services.keyring.open:
        return RedirectResponse(next_page, 303)
    client, key = address_of(request.scope), form.get("key", "").strip()
    if seconds := services.attempts.begin(client, digest_of(key)):
        raise TooOften(seconds)
    token = await run_sync(services.sessions.open, key)
    if token is None:
        services.attempts.wrong(client, digest_of(key))
        services.metrics.wrong_keys.labels("form").inc()
        log_wrong_key("the form", client, untrusted_proxy="x-forwarded-for" in request.headers and not services.settings.trusted_proxies)
        await asyncio.sleep(WRONG_KEY_SECONDS)
        return page(request, "Sign in", login_page.login(next_page, True), status=401)
    services.attempts.right(client, digest_of(key))
    answer = RedirectResponse(next_page, 303)
    set_session_cookie(answer, token, request.headers)
    return answer


def sign_out(request: Request, services: Services) -> Response:
    """Close the session, and delete the browser's cookie."""
    if request.state.session:
        services.sessions.close(request.state.session)
    answer = RedirectResponse("/login", 303)
    delete_session_cookie(answer)
    return answer


def runs(request: Request, services: Services, after: str) -> Response:
    """The list of runs."""
    jobs = services.queue.ls(None, None, after, runs_page.PAGE_ROWS)
    older = jobs[-1].id if len(jobs) == runs_page.PAGE_ROWS else None
    return page(
        request,
        "Runs",
        runs_page.runs(jobs, services.reviews.counts([job.id for job in jobs]), services.settings.known_models.public_name, older),
    )


def overview(request: Request, services: Services, job_id: str) -> Response:
    """A run at a glance."""
    job, run = run_of(services, job_id)
    survey, model = survey_of(run), str(job.spec["config"].get("model") or "")
    sample = sample_summary(survey["sample"], services.reviews.current(job_id))
    reviewed = services.reviews.counts([job_id]).get(job_id, 0)
    model_name = services.settings.known_models.public_name(model) if model else ""
    return page(request, runs_page.title(job), overview_page.overview(job, run.report, survey, sample, reviewed, model_name))


def review(request: Request, services: Services, job_id: str, order: Order, position: int | None, query_id: str | None) -> Response:
    """A query with its candidates."""
    job, run = run_of(services, job_id)
    reviews = services.reviews.current(job_id)
    sample = sample_summary(survey_of(run)["sample"], reviews)
    item = review_item(run, reviews, order, position, query_id)
    return page(request, f"Review · {runs_page.title(job)}", review_page.review(job, item, sample), scripts=("review.js",))


def add_verdict(services: Services, job_id: str, form: dict[str, str], caller: Caller) -> Response:
    """Store a verdict that the form sends, in a browser without scripts."""
    verdict = verdict_of({name: form.get(name) for name in ("query_id", "passage_id", "verdict")}, "the form")
    services.reviews.append(job_id, [verdict], caller)
    position = form.get("at", "")
    body = {"order": "sample" if form.get("order") == "sample" else "suspicious", "at": position}
    return RedirectResponse(review_at(job_id, **(body if position.isdecimal() else {"query": verdict.query_id})), 303)


def export(services: Services, job_id: str, form: dict[str, str], caller: Caller) -> Response:
    """Submit an export of the run: with a maximum score, with the reviews, or both."""
    verdicts: Literal["reviews"] | None = "reviews" if form.get("verdicts") == "reviews" else None
    config = {}
    if position := form.get("ceiling"):
        edges = survey_of(run_of(services, job_id)[1])["scores"]["edges"]
        if not position.isdecimal() or int(position) >= len(edges) - 1:
            raise Conflict("this ceiling drops no candidate: move it first")
        config = {"filters": [f"max_score:score={edges[int(position)]:g}"]}
    body = ExportJob(kind="export", job=job_id, config=config, verdicts=verdicts, file_kind=None)
    job_requests.submit(body, services, caller, None)
    return RedirectResponse("/", 303)

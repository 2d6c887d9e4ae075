"""The pages. Not in the OpenAPI document, and behind the key like everything: what is open is listed in app.guard."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from app.auth.keys import Caller
from app.guard import caller_of
from app.pages import assets
from app.pages import docs as docs_page
from app.pages.frame import page
from app.pages.login import login as login_page
from app.pages.review_queue import Order
from app.requests import page_data
from app.services import Desk, desk

router = APIRouter(include_in_schema=False)

At = Annotated[Desk, Depends(desk)]
By = Annotated[Caller, Depends(caller_of)]
Form = Annotated[dict[str, str], Depends(page_data.fields)]
After = Annotated[str, Query(max_length=100)]


@router.get("/login")
def login(request: Request, next: Annotated[str, Query(max_length=300)] = "/") -> Response:  # noqa: A002 - the parameter's name
    """The form that asks for the key."""
    return page(request, "Sign in", login_page(next, False))


@router.post("/login")
async def sign_in(request: Request, at: At, given: Form) -> Response:
    """The key, from the form."""
    return await page_data.sign_in(request, at, given)


@router.post("/logout")
def sign_out(request: Request, at: At) -> Response:
    """End the session."""
    return page_data.sign_out(request, at)


@router.get("/static/{name}")
def static(request: Request, name: str) -> Response:
    """Style sheet and scripts."""
    return assets.sent(request, name)


@router.get("/")
def runs(request: Request, at: At, after: After = "") -> Response:
    """The list of runs."""
    return page_data.runs(request, at, after)


@router.post("/jobs/{job_id}/cancel")
def cancel(job_id: str, at: At) -> Response:
    """Stop a job."""
    at.queue.cancel(job_id)
    return RedirectResponse("/", 303)


@router.post("/jobs/{job_id}/retry")
def retry(job_id: str, at: At) -> Response:
    """Try a job again."""
    at.queue.retry(job_id)
    return RedirectResponse("/", 303)


@router.get("/jobs/{job_id}")
async def overview(request: Request, job_id: str, at: At) -> Response:
    """A run at a glance."""
    return await at.looks.run(page_data.overview, request, at, job_id)


@router.post("/jobs/{job_id}/export")
async def export(job_id: str, at: At, given: Form, by: By) -> Response:
    """Choose again from a run."""
    return await at.looks.run(page_data.export, at, job_id, given, by)


@router.get("/jobs/{job_id}/review")
async def review(
    request: Request,
    job_id: str,
    at_desk: At,
    order: Order = "suspicious",
    at: Annotated[int | None, Query(ge=0, le=10**9)] = None,
    query: Annotated[str | None, Query(max_length=1000)] = None,
) -> Response:
    """A query with its candidates, to be spoken of."""
    return await at_desk.looks.run(page_data.review, request, at_desk, job_id, order, at, query)


@router.post("/jobs/{job_id}/review")
def say(job_id: str, at: At, given: Form, by: By) -> Response:
    """A verdict, from the form."""
    return page_data.say(at, job_id, given, by)


@router.get("/docs")
def docs(request: Request) -> Response:
    """The API's document."""
    return page(request, "API", docs_page.docs(), scripts=docs_page.SCRIPTS, styles=docs_page.STYLES)

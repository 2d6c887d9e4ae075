"""The pages. They are not in the OpenAPI document. They need a key or a session, except those in app.guard.OPEN."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from app.guard import CallerDep
from app.pages import assets
from app.pages import docs as docs_page
from app.pages.frame import page
from app.pages.login import login as login_page
from app.pages.review_queue import Order
from app.requests import page_data
from app.services import ServicesDep

router = APIRouter(include_in_schema=False)

FormFields = Annotated[dict[str, str], Depends(page_data.form_fields)]
JobId = Annotated[str, Query(max_length=100)]


@router.get("/login")
def login(request: Request, next: Annotated[str, Query(max_length=300)] = "/") -> Response:  # noqa: A002 - the parameter's name
    """The form that asks for the key."""
    return page(request, "Sign in", login_page(next, False))


@router.post("/login")
async def sign_in(request: Request, services: ServicesDep, form: FormFields) -> Response:
    """The key, from the form."""
    return await page_data.sign_in(request, services, form)


@router.post("/logout")
def sign_out(request: Request, services: ServicesDep) -> Response:
    """End the session."""
    return page_data.sign_out(request, services)


@router.get("/static/{name}")
def static(request: Request, name: str) -> Response:
    """Style sheet and scripts."""
    return assets.asset_response(request, name)


@router.get("/")
def runs(request: Request, services: ServicesDep, after: JobId = "") -> Response:
    """The list of runs."""
    return page_data.runs(request, services, after)


@router.post("/jobs/{job_id}/cancel")
def cancel(job_id: str, services: ServicesDep) -> Response:
    """Stop a job."""
    services.queue.cancel(job_id)
    return RedirectResponse("/", 303)


@router.post("/jobs/{job_id}/retry")
def retry(job_id: str, services: ServicesDep) -> Response:
    """Try a job again."""
    services.queue.retry(job_id)
    return RedirectResponse("/", 303)


@router.get("/jobs/{job_id}")
async def overview(request: Request, job_id: str, services: ServicesDep) -> Response:
    """A run at a glance."""
    return await services.page_pool.run(page_data.overview, request, services, job_id)


@router.post("/jobs/{job_id}/export")
async def export(job_id: str, services: ServicesDep, form: FormFields, caller: CallerDep) -> Response:
    """Submit an export of a run."""
    return await services.page_pool.run(page_data.export, services, job_id, form, caller)


@router.get("/jobs/{job_id}/review")
async def review(
    request: Request,
    job_id: str,
    services: ServicesDep,
    order: Order = "suspicious",
    at: Annotated[int | None, Query(ge=0, le=10**9)] = None,
    query: Annotated[str | None, Query(max_length=1000)] = None,
) -> Response:
    """A query with its candidates, for review."""
    return await services.page_pool.run(page_data.review, request, services, job_id, order, at, query)


@router.post("/jobs/{job_id}/review")
def add_verdict(job_id: str, services: ServicesDep, form: FormFields, caller: CallerDep) -> Response:
    """A verdict, from the form."""
    return page_data.add_verdict(services, job_id, form, caller)


@router.get("/docs")
def docs(request: Request) -> Response:
    """The page of the API's documentation."""
    return page(request, "API", docs_page.docs(), scripts=docs_page.SCRIPTS, styles=docs_page.STYLES)

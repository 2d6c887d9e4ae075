"""Errors as answers: a redirect to the sign-in form or an error page for a browser, a problem document for an API client."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import quote

import orjson
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from app.auth.browser import wants_page
from app.errors import NoKey, Refused, allowed_methods, error_response
from app.pages.frame import page
from miner.page.html import tag


def refusal_response(error: Refused, scope: Scope, headers: Headers, redact: Callable[[str], str]) -> Response:
    """The answer for a request that the guard refuses. redact: removes the paths of this machine from a sentence."""
    if isinstance(error, NoKey) and scope["method"] == "GET" and wants_page("GET", scope["path"], headers):
        return RedirectResponse(f"/login?next={quote(scope['path'], safe='/')}", 303)
    return as_page(Request(scope), error_response(error, scope["state"]["request_id"], redact))


async def handle_error(request: Request, error: Exception) -> Response:
    """The exception handler of the app."""
    if isinstance(error, HTTPException) and error.status_code == 405:
        error = HTTPException(405, error.detail, {"Allow": ", ".join(allowed_methods(request))})
    return as_page(request, error_response(error, getattr(request.state, "request_id", None), request.app.state.services.redaction))


def as_page(request: Request, problem: Response) -> Response:
    """The problem document, or for a browser a page with the same status and headers."""
    if not wants_page(request.method, request.scope["path"], request.headers):
        return problem
    fields = orjson.loads(bytes(problem.body))
    title = HTTPStatus(problem.status_code).phrase
    body = [tag("h1", title), tag("p", fields["detail"], class_="lead"), tag("p", tag("a", "All runs", href="/"))]
    response = page(request, title, body, status=problem.status_code)
    for name in ("www-authenticate", "retry-after", "allow"):
        if name in problem.headers:
            response.headers[name] = problem.headers[name]
    return response

"""A refusal, for who looks at a page: the form that asks for the key, or a page that says what is wrong. Machines get the problem."""

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
from app.errors import NoKey, Refused, allowed, answer
from app.pages.frame import page
from miner.page.html import tag


def refused(error: Refused, scope: Scope, headers: Headers, hidden: Callable[[str], str]) -> Response:
    """The guard's refusal. hidden: takes the paths of this machine out of a sentence."""
    if isinstance(error, NoKey) and scope["method"] == "GET" and wants_page("GET", scope["path"], headers):
        return RedirectResponse(f"/login?next={quote(scope['path'], safe='/')}", 303)
    return shown(Request(scope), answer(error, scope["state"]["request_id"], hidden))


async def handle(request: Request, error: Exception) -> Response:
    """The one exception handler."""
    if isinstance(error, HTTPException) and error.status_code == 405:
        error = HTTPException(405, error.detail, {"Allow": ", ".join(allowed(request))})
    return shown(request, answer(error, getattr(request.state, "request_id", None), request.app.state.desk.redaction))


def shown(request: Request, problem: Response) -> Response:
    """The problem as it is, or as a page with its status and its headers."""
    if not wants_page(request.method, request.scope["path"], request.headers):
        return problem
    told = orjson.loads(bytes(problem.body))
    title = HTTPStatus(problem.status_code).phrase
    body = [tag("h1", title), tag("p", told["detail"], class_="lead"), tag("p", tag("a", "All runs", href="/"))]
    made = page(request, title, body, status=problem.status_code)
    for name in ("www-authenticate", "retry-after", "allow"):
        if name in problem.headers:
            made.headers[name] = problem.headers[name]
    return made

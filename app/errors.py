"""Errors as problem documents, application/problem+json (RFC 9457), by one table: error class → status.

Routes raise and never catch. An answer repeats nothing of the request but a short quotation in a sentence of the library. Below 500 it says
nothing about the machine; from 500 on it only names the entry in the log.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match

from app.state.reserve import is_full
from miner.errors import ConfigError, HardnegError, InputError, IntegrityError, ModelError, StorageError

log = logging.getLogger(__name__)

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
MAX_DETAIL_CHARS = 500
MAX_FAULTS = 50


class Refused(HardnegError):  # noqa: N818 - as the rest of the tree: the word says what happened
    """A request is turned away before anything is mined."""


class BadHost(Refused):
    """The Host header names a host we do not answer for."""


class NotJson(Refused):
    """The body is no JSON, or holds NaN, infinity, half a character, or too many levels."""


class NoKey(Refused):
    """No key was given, or a wrong one."""


class NotAllowed(Refused):
    """The key may not do this."""


class Foreign(Refused):
    """A page of another origin asks in the name of who is signed in here."""


class NotFound(Refused):
    """There is nothing of that name; nor for this key."""


class Conflict(Refused):
    """It does not go with the state that things are in."""


class InUse(Conflict):
    """A job that has not ended needs it. `jobs`: the ids of all that do."""

    def __init__(self, detail: str, jobs: Sequence[str]) -> None:
        self.jobs = list(jobs)
        super().__init__(detail)


class Outdated(Refused):
    """It has changed since the client looked (If-Match)."""


class BadRange(Refused):
    """No part of the content lies in the range that was asked for. `length`: how long it is."""

    def __init__(self, length: int) -> None:
        self.length = length
        super().__init__(f"the content has {length:,} bytes; the range lies beyond")


class Full(Refused):
    """There is no room left on the disk."""


class TooLarge(Refused):
    """More than a limit allows."""


class WrongMedia(Refused):
    """The body is announced as something else than plain JSON."""


class Busy(Refused):
    """As many requests as may wait are waiting."""


class TooOften(Refused):
    """Too many wrong keys were tried. `seconds`: after which the next may be."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        super().__init__(
            f"too many wrong keys came from this address: again in {seconds} s; keys that were valid from this address still are"
        )


class NotReady(Refused):
    """Model and corpus are being opened."""


class WrongFields(Refused):
    """The body is JSON of another shape. `faults`: pointer and detail of each."""

    def __init__(self, faults: Sequence[Mapping[str, str]]) -> None:
        self.faults = [dict(fault) for fault in faults[:MAX_FAULTS]]
        super().__init__(f"{self.faults[0]['pointer'] or 'the body'}: {self.faults[0]['detail']}")


STATUS: dict[type[Exception], int] = {
    BadHost: 400,
    NotJson: 400,
    ClientDisconnect: 400,
    NoKey: 401,
    NotAllowed: 403,
    Foreign: 403,
    NotFound: 404,
    Conflict: 409,
    Outdated: 412,
    TooLarge: 413,
    WrongMedia: 415,
    BadRange: 416,
    WrongFields: 422,
    ConfigError: 422,
    InputError: 422,
    Busy: 429,
    TooOften: 429,
    IntegrityError: 500,
    ModelError: 500,
    StorageError: 503,
    NotReady: 503,
    Full: 507,
    HardnegError: 500,
    Exception: 500,
}
HEADERS: dict[type[Exception], dict[str, str]] = {
    NoKey: {"WWW-Authenticate": "Bearer"},
    Busy: {"Retry-After": "1"},
    NotReady: {"Retry-After": "5"},
    StorageError: {"Retry-After": "60"},
}


def error_response(error: Exception, name: str | None = None, redact: Callable[[str], str] = str) -> Response:
    """The problem document of an error. name: the request's id. redact: removes the paths of this machine from a sentence."""
    if isinstance(error, HTTPException):
        return problem(error.status_code, str(error.detail), dict(error.headers or {}))
    if isinstance(error, RequestValidationError):
        error = WrongFields([{"pointer": "/" + "/".join(map(str, fault["loc"])), "detail": fault["msg"]} for fault in error.errors()])
    if isinstance(error, StorageError) and is_full(error):
        log.error("the disk is full: %s", error)
        error = Full("the disk of the server is full; nothing of this request was stored")
    kind = next(kind for kind in type(error).__mro__ if kind in STATUS)
    status, headers = STATUS[kind], HEADERS.get(kind, {})
    if status >= 500 and not isinstance(error, Refused):
        return _internal(error, status, headers, name or uuid.uuid4().hex[:12])
    faults = [{**fault, "detail": redact(fault["detail"])} for fault in error.faults] if isinstance(error, WrongFields) else []
    extra: dict[str, Sequence[object]] = {"errors": faults} if faults else {}
    if isinstance(error, InUse):
        extra = {"jobs": error.jobs}
    if isinstance(error, BadRange):
        headers = {"Content-Range": f"bytes */{error.length}"}
    if isinstance(error, TooOften):
        headers = {"Retry-After": str(error.seconds)}
    return problem(status, redact(str(error)), headers, **extra)


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None, **extra: Any) -> Response:
    """A problem document; its title is the phrase of the status."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": _truncate(detail), **extra}
    return Response(orjson.dumps(body), status, dict(headers or {}), "application/problem+json")


def allowed_methods(request: Request) -> list[str]:
    """All methods of the routes with this path. Starlette's own answer names those of one route only."""
    scopes = ((method, {**request.scope, "method": method}) for method in METHODS)
    return [method for method, scope in scopes if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)]


def _internal(error: Exception, status: int, headers: Mapping[str, str], name: str) -> Response:
    """Log the error under the request's id, and answer without details."""
    log.error("request %s failed", name, exc_info=error)
    return problem(status, f"the request is not at fault; the server's log has it under {name}", headers, request_id=name)


def _truncate(text: str) -> str:
    text = text if len(text) <= MAX_DETAIL_CHARS else text[:MAX_DETAIL_CHARS] + "…"
    return text.encode("utf-8", "replace").decode()

"""The middleware before every route: it checks the Host header, the key and its scope, and writes a line to the log. The default is closed.

The key is a Bearer token, or the session of a browser; with a session, a request that changes something must come from one of our pages.
The answer to a wrong key is delayed, and a client with too many wrong keys is answered 429 (app/auth/attempts.py), for header and form.

It is plain ASGI, so that the docs, unknown paths and every future route need the key by default.
Reading (GET, HEAD) needs the scope `read`, everything else `write`; a route may require more with `needs`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import Depends, Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.auth.attempts import WRONG_KEY_SECONDS
from app.auth.browser import API_PREFIXES, of_our_page, session_token
from app.auth.keys import ANYBODY, Caller, digest_of
from app.errors import BadHost, Foreign, NoKey, NotAllowed, NotReady, Refused, TooOften
from app.pages.faults import refusal_response
from app.services import Services
from miner.errors import StorageError

log = logging.getLogger(__name__)

OPEN = frozenset({"/livez", "/readyz", "/login", "/static/page.css", "/static/page.js", "/static/mark.svg"})
"""The only paths that need no key: the two probes, the sign-in form, and its style sheet, script and icon."""

PROBES = frozenset({"/livez", "/readyz"})
READING = frozenset({"GET", "HEAD"})
ALWAYS = {
    b"x-content-type-options": b"nosniff",
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"referrer-policy": b"same-origin",
}
"""Headers of every answer that does not set them itself."""

UNAUTHENTICATED = "unauthenticated"
"""Kind of the log lines about requests without a key: the log limits their number per minute."""
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


def needs(scope: str) -> Callable[[Request], Awaitable[Caller]]:
    """A dependency for routes that need another scope than read or write: Depends(needs("admin"))."""

    async def check(request: Request) -> Caller:
        caller: Caller = request.state.caller
        if scope not in caller.scopes:
            raise NotAllowed(f"this key may not do that: it needs the scope {scope}")
        return caller

    return check


async def caller_of(request: Request) -> Caller:
    """The caller of a request. The guard has set it before any route runs."""
    caller: Caller = request.state.caller
    return caller


CallerDep = Annotated[Caller, Depends(caller_of)]
"""The type of a route's parameter that FastAPI fills with the caller."""


class Guard:
    """Refuses a request, or passes it on with `caller`, `session` and `request_id` in its state."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self.app, self._hosts, self._keyring = app, services.settings.hosts, services.keyring
        self._sessions, self._attempts, self._metrics = services.sessions, services.attempts, services.metrics
        self._redact, self._trusts_proxies = services.redaction, bool(services.settings.trusted_proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 - the ASGI signature
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        start, status = time.perf_counter(), 500
        headers = Headers(scope=scope)
        request_id = _request_id(headers)
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": _with_defaults(message["headers"], request_id)}
            await send(message)

        refusal = await self._refusal(scope, headers)
        try:
            await (refusal_response(refusal, scope, headers, self._redact) if refusal else self.app)(scope, receive, send_with_headers)
        finally:
            self._log(scope, status, time.perf_counter() - start)

    def _log(self, scope: Scope, status: int, seconds: float) -> None:
        """Log and count the request. The line has the route's pattern, never the path or the query string: they may hold texts."""
        path = getattr(scope.get("route"), "path", "-")
        caller = scope["state"].get("caller")
        fields = {"request_id": scope["state"]["request_id"], "key": caller.id if caller else None}
        fields |= {"method": scope["method"], "route": path, "status": status, "seconds": round(seconds, 4)}
        level = logging.DEBUG if path in OPEN else logging.INFO
        limit = {} if caller else {"rate_limit": UNAUTHENTICATED}
        log.log(level, "%s %s %d %.0f ms", scope["method"], path, status, 1000 * seconds, extra={"fields": fields, **limit})
        self._metrics.note(scope["method"], path, status, seconds)

    async def _refusal(self, scope: Scope, headers: Headers) -> Refused | None:
        if not self._is_own_host(headers.getlist("host")):
            return BadHost("the Host header names a host that is not served here; HARDNEG_ALLOWED_HOSTS adds one")
        try:
            caller = await self._caller(scope, headers)
        except TooOften as error:
            return error
        except StorageError as error:  # sessions are stored in the database
            return NotReady(str(error))
        scope["state"]["caller"] = caller
        if caller is None and scope["path"] not in OPEN:
            return NoKey("a key is needed: Authorization: Bearer KEY")
        return _misuse(scope, headers, caller, self._keyring.open)

    async def _caller(self, scope: Scope, headers: Headers) -> Caller | None:
        """The holder of the request's key, else of its session, which is then in the request's state."""
        state, path = scope["state"], scope["path"]
        state["caller"] = state["session"] = None
        if self._keyring.open:
            return ANYBODY
        if path in PROBES:  # a health check must not wait for a thread or the database
            return None
        if "authorization" in headers:
            return await self._holder(scope, headers) if path not in OPEN else None
        if token := session_token(headers):
            state["session"] = token
            return await run_sync(self._sessions.caller, token)
        return None

    async def _holder(self, scope: Scope, headers: Headers) -> Caller | None:
        """The holder of the key in the header. TooOften after too many wrong keys from this client."""
        token, client = _token(headers), address_of(scope)
        if not token:
            return None
        digest = digest_of(token)
        if seconds := self._attempts.begin(client, digest):
            raise TooOften(seconds)
        if caller := self._keyring.holder(digest):
            self._attempts.right(client, digest)
            return caller
        self._attempts.wrong(client, digest)
        self._metrics.wrong_keys.labels("header").inc()
        log_wrong_key("a header", client, untrusted_proxy="x-forwarded-for" in headers and not self._trusts_proxies)
        await asyncio.sleep(WRONG_KEY_SECONDS)
        return None

    def _is_own_host(self, hosts: list[str]) -> bool:
        if len(hosts) != 1:
            return False
        name, _, port = hosts[0].lower().rpartition(":")
        if not name or not port.isdecimal():  # no port was given
            name = hosts[0].lower()
        return name in self._hosts or "*" in self._hosts


def address_of(scope: Scope) -> str:
    """The client's address: that of the peer, or the one that a trusted proxy reports (app/main.py)."""
    host = (scope.get("client") or ("",))[0]
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return "unknown"


def log_wrong_key(location: str, client: str, *, untrusted_proxy: bool) -> None:
    """Write a line about a wrong key, without the key. untrusted_proxy: the request came through a proxy that is not trusted."""
    hint = "; it came through a proxy that HARDNEG_TRUSTED_PROXIES does not name, so all clients of it count as one"
    extra = {"fields": {"client": client}, "rate_limit": "wrong key"}
    log.warning("a wrong key in %s, from %s%s", location, client, hint if untrusted_proxy else "", extra=extra)


def _misuse(scope: Scope, headers: Headers, caller: Caller | None, keyless: bool) -> Refused | None:
    """Refuse a request that its caller may not make. keyless: the service has no keys, so an API client sends no Authorization header."""
    from_api_client = "authorization" in headers or (keyless and scope["path"].startswith(API_PREFIXES))
    if scope["method"] not in READING and not of_our_page(headers, strict=not from_api_client):
        return Foreign("this request must come from a page of this service itself")
    required = "read" if scope["method"] in READING else "write"
    if caller is None or scope["path"] in OPEN or required in caller.scopes:
        return None
    return NotAllowed(f"this key may not do that: it needs the scope {required}")


def _token(headers: Headers) -> str | None:
    values = headers.getlist("authorization")
    scheme, _, token = values[0].partition(" ") if len(values) == 1 else ("", "", "")
    return token.strip() if scheme.lower() == "bearer" else None


def _request_id(headers: Headers) -> str:
    """The request id that the client sent, if it is a plain one, else a new one."""
    value = headers.get("x-request-id", "")
    return value if REQUEST_ID.fullmatch(value) else secrets.token_hex(8)


def _with_defaults(headers: list[tuple[bytes, bytes]], request_id: str) -> list[tuple[bytes, bytes]]:
    """The headers of an answer, with those of ALWAYS that it does not set, and the request id."""
    names = {key.lower() for key, _ in headers}
    defaults = [(key, value) for key, value in ALWAYS.items() if key not in names]
    return [*headers, *defaults, (b"x-request-id", request_id.encode())]

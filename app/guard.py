"""What stands before every route: the Host header, then the key and its scope, then a line in the log. Default is closed.

The key comes as a Bearer token, or a browser brings the session that it opened; then whatever changes something must come from our page.
A wrong key waits for its answer, and a client that has tried too many is answered 429 (app/auth/attempts.py), in a header as in the form.

Plain ASGI, so that docs, unknown paths and routes still to be written are behind the key without anybody thinking of it.
Reading (GET, HEAD) needs the scope `read`, everything else `write`; a route may ask for more with `needs`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable

from anyio.to_thread import run_sync
from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.auth.attempts import WRONG_KEY_SECONDS
from app.auth.browser import MACHINES, of_our_page, session_token
from app.auth.keys import ANYBODY, Caller, digest_of
from app.errors import BadHost, Foreign, NoKey, NotAllowed, NotReady, Refused, TooOften
from app.pages.faults import refused
from app.services import Desk
from miner.errors import StorageError

log = logging.getLogger(__name__)

OPEN = frozenset({"/livez", "/readyz", "/login", "/static/page.css", "/static/page.js", "/static/mark.svg"})
"""The only paths that are answered without a key: two that say yes or no, the form that asks for the key, and how it looks."""

PROBES = frozenset({"/livez", "/readyz"})
READING = frozenset({"GET", "HEAD"})
ALWAYS = {
    b"x-content-type-options": b"nosniff",
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"referrer-policy": b"same-origin",
}
"""Headers of every answer that does not set them itself."""

STRANGERS = "stranger"
"""Lines about requests without a key: the log takes so many of them in a minute."""
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


def needs(scope: str) -> Callable[[Request], Awaitable[Caller]]:
    """For routes that reading or writing is not enough for: Depends(needs("admin"))."""

    async def check(request: Request) -> Caller:
        caller: Caller = request.state.caller
        if scope not in caller.scopes:
            raise NotAllowed(f"this key may not do that: it needs the scope {scope}")
        return caller

    return check


async def caller_of(request: Request) -> Caller:
    """Who asks; the guard has seen to it that there is one."""
    caller: Caller = request.state.caller
    return caller


class Guard:
    """Refuses, or passes on. What a request holds is noted in its state: `caller`, `request_id`."""

    def __init__(self, app: ASGIApp, at: Desk) -> None:
        self.app, self._hosts, self._keyring, self._sessions, self._attempts = app, at.settings.hosts, at.keyring, at.sessions, at.attempts
        self._metrics, self._shown, self._proxied = at.metrics, at.redaction, bool(at.settings.trusted_proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 - the ASGI signature
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        started, status = time.perf_counter(), 500
        headers = Headers(scope=scope)
        name = _request_id(headers)
        scope.setdefault("state", {})["request_id"] = name

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": _completed(message["headers"], name)}
            await send(message)

        refusal = await self._refusal(scope, headers)
        try:
            await (refused(refusal, scope, headers, self._shown) if refusal else self.app)(scope, receive, noted)
        finally:
            self._tell(scope, status, time.perf_counter() - started)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        """One line. The route's own name, never the path or the query string as they were sent: those are the client's texts."""
        path = getattr(scope.get("route"), "path", "-")
        caller = scope["state"].get("caller")
        told = {"request_id": scope["state"]["request_id"], "key": caller.id if caller else None}
        told |= {"method": scope["method"], "route": path, "status": status, "seconds": round(seconds, 4)}
        level = logging.DEBUG if path in OPEN else logging.INFO
        stranger = {} if caller else {"sparing": STRANGERS}
        log.log(level, "%s %s %d %.0f ms", scope["method"], path, status, 1000 * seconds, extra={"told": told, **stranger})
        self._metrics.note(scope["method"], path, status, seconds)

    async def _refusal(self, scope: Scope, headers: Headers) -> Refused | None:
        if not self._knows(headers.getlist("host")):
            return BadHost("the Host header names a host that is not served here; HARDNEG_ALLOWED_HOSTS adds one")
        try:
            caller = await self._caller(scope, headers)
        except TooOften as error:
            return error
        except StorageError as error:  # sessions are kept in the database
            return NotReady(str(error))
        scope["state"]["caller"] = caller
        if caller is None and scope["path"] not in OPEN:
            return NoKey("a key is needed: Authorization: Bearer KEY")
        return _misuse(scope, headers, caller, self._keyring.open)

    async def _caller(self, scope: Scope, headers: Headers) -> Caller | None:
        """Who holds the key that was brought; without one, who has signed in. `session` in the request's state says which."""
        state, path = scope["state"], scope["path"]
        state["caller"] = state["session"] = None
        if self._keyring.open:
            return ANYBODY
        if path in PROBES:  # who asks for health waits for no thread, and for no database
            return None
        if "authorization" in headers:
            return await self._holder(scope, headers) if path not in OPEN else None
        if token := session_token(headers):
            state["session"] = token
            return await run_sync(self._sessions.caller, token)
        return None

    async def _holder(self, scope: Scope, headers: Headers) -> Caller | None:
        """Whose key the header brings. TooOften when too many wrong ones came from there."""
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
        note_wrong_key("a header", client, behind="x-forwarded-for" in headers and not self._proxied)
        await asyncio.sleep(WRONG_KEY_SECONDS)
        return None

    def _knows(self, hosts: list[str]) -> bool:
        if len(hosts) != 1:
            return False
        name, _, port = hosts[0].lower().rpartition(":")
        if not name or not port.isdecimal():  # no port was given
            name = hosts[0].lower()
        return name in self._hosts or "*" in self._hosts


def address_of(scope: Scope) -> str:
    """The client's address: the peer's, or what a proxy that is trusted says of it (app/main.py)."""
    host = (scope.get("client") or ("",))[0]
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return "unknown"


def note_wrong_key(where: str, client: str, *, behind: bool) -> None:
    """A line of the log, without the key. behind: a proxy that is not trusted says that it asks for somebody else."""
    more = "; it came through a proxy that HARDNEG_TRUSTED_PROXIES does not name, so all clients of it count as one" if behind else ""
    log.warning("a wrong key in %s, from %s%s", where, client, more, extra={"told": {"client": client}, "sparing": "wrong key"})


def _misuse(scope: Scope, headers: Headers, caller: Caller | None, keyless: bool) -> Refused | None:
    """What a caller may not do. keyless: no key is wanted, so a client that is no browser brings nothing and says nothing."""
    by_machine = "authorization" in headers or (keyless and scope["path"].startswith(MACHINES))
    if scope["method"] not in READING and not of_our_page(headers, strict=not by_machine):
        return Foreign("this request must come from a page of this service itself")
    wanted = "read" if scope["method"] in READING else "write"
    if caller is None or scope["path"] in OPEN or wanted in caller.scopes:
        return None
    return NotAllowed(f"this key may not do that: it needs the scope {wanted}")


def _token(headers: Headers) -> str | None:
    given = headers.getlist("authorization")
    scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    return token.strip() if scheme.lower() == "bearer" else None


def _request_id(headers: Headers) -> str:
    """The client's, when it is a plain one, else a new one."""
    given = headers.get("x-request-id", "")
    return given if REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def _completed(headers: list[tuple[bytes, bytes]], name: str) -> list[tuple[bytes, bytes]]:
    there = {key.lower() for key, _ in headers}
    more = [(key, value) for key, value in ALWAYS.items() if key not in there]
    return [*headers, *more, (b"x-request-id", name.encode())]

"""What stands before every route: the Host header, then the key, then a line in the log. Default is closed.

Plain ASGI, so that docs, unknown paths and routes still to be written are behind the key without anybody thinking of it.
"""

from __future__ import annotations

import logging
import time

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import BadHost, NoKey, Refused, answer
from app.settings import Settings, is_key

log = logging.getLogger(__name__)

OPEN = frozenset({"/livez", "/readyz"})
"""The only paths that are answered without a key. They tell nothing but yes or no."""

ALWAYS = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]


class Guard:
    """Refuses, or passes on."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self._hosts, self._digests = app, settings.hosts, settings.digests()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 - the ASGI signature
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        started, status = time.perf_counter(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message["headers"], *ALWAYS]}
            await send(message)

        refusal = self._refusal(scope)
        try:
            await (answer(refusal) if refusal else self.app)(scope, receive, noted)
        finally:
            # The route's own name, never the path or the query string as they were sent: those are the client's texts.
            path = getattr(scope.get("route"), "path", "-")
            level = logging.DEBUG if path in OPEN else logging.INFO
            log.log(level, "%s %s %d %.0f ms", scope["method"], path, status, 1000 * (time.perf_counter() - started))

    def _refusal(self, scope: Scope) -> Refused | None:
        headers = Headers(scope=scope)
        if not self._knows(headers.getlist("host")):
            return BadHost("the Host header names a host that is not served here; HARDNEG_ALLOWED_HOSTS adds one")
        if self._digests and scope["path"] not in OPEN and not self._may(headers.getlist("authorization")):
            return NoKey("a key is needed: Authorization: Bearer KEY")
        return None

    def _knows(self, hosts: list[str]) -> bool:
        if len(hosts) != 1:
            return False
        name, _, port = hosts[0].lower().rpartition(":")
        if not name or not port.isdecimal():  # no port was given
            name = hosts[0].lower()
        return name in self._hosts or "*" in self._hosts

    def _may(self, given: list[str]) -> bool:
        scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        return is_key(self._digests, token.strip()) and scheme.lower() == "bearer"

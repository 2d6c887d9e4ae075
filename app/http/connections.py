"""Limits on connections: their number, the time for the head of a request, and a minimum rate for bodies and answers.

uvicorn waits for the end of a head or of a body without limit. Here a head has a time limit, and a body or an answer a minimum number of
bytes per window, whatever its total time. When the number of connections is at its maximum, a new one replaces the connection that has
been without a whole request for the longest time. So a client that sends its request at once is always served.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.errors import problem

log = logging.getLogger(__name__)

LOG_INTERVAL_SECONDS = 60.0
CLOSE_SECONDS = 5.0
"""Seconds to send the rest of an answer when a connection is closed."""
HEAD, BODY, REST, ANSWER, IDLE, CLOSING = "head", "body", "rest", "answer", "idle", "closing"
"""The phases of a connection. It waits for: a head, a body, the rest of a body that was answered early, a client that reads its answer, the
next request, the close."""
AUTHENTICATED_PHASES = (BODY, ANSWER)
"""Phases in which a connection with a valid key is never replaced by a new one."""
REASONS = (HEAD, BODY, REST, ANSWER, "room", "full")
"""Why the server closes connections: too slow in a phase; `room`: replaced by a new one; `full`: new, and none could be replaced."""


class Connections:
    """The open connections of a server.

    max_open: connections at a time.
    head, body: seconds.
    rate: bytes per second. See Limits.
    """

    def __init__(self, max_open: int, head: float, body: float, rate: int) -> None:
        self.max_open, self.head, self.body, self.rate = max_open, head, body, rate
        self.open: set[Connection] = set()
        self.closed: Counter[str] = Counter()
        self._slow: dict[Connection, None] = {}
        self._logged_at, self._counts_logged = float("-inf"), Counter[str]()

    def admit(self, connection: Connection) -> bool:
        """Add a connection, in place of a slow one where the maximum is reached. False: none could be replaced."""
        if len(self.open) >= self.max_open:
            oldest = next((connection for connection in self._slow if connection.may_be_closed), None)
            self.count_closed("full" if oldest is None else "room")
            if oldest is None:
                return False
            oldest.transport.abort()
            self.remove(oldest)
        self.open.add(connection)
        return True

    def set_phase(self, connection: Connection, phase: str | None) -> None:
        """Note the phase of a connection; None: its request is being answered."""
        self._slow.pop(connection, None)
        if phase is not None:
            self._slow[connection] = None

    def remove(self, connection: Connection) -> None:
        """Remove a closed connection."""
        self.open.discard(connection)
        self._slow.pop(connection, None)

    def count_closed(self, reason: str) -> None:
        """Count a connection that the server closes. The counts are logged at most once per LOG_INTERVAL_SECONDS."""
        self.closed[reason] += 1
        if time.monotonic() - self._logged_at > LOG_INTERVAL_SECONDS:
            new_counts, self._counts_logged, self._logged_at = self.closed - self._counts_logged, self.closed.copy(), time.monotonic()
            log.warning("connections closed (%s); %d are open", ", ".join(f"{name}: {n}" for name, n in new_counts.items()), len(self.open))


class Connection(H11Protocol):
    """uvicorn's connection with the limits of `app.state.services.connections`."""

    def __init__(self, config: Any, server_state: Any, app_state: dict[str, Any], _loop: asyncio.AbstractEventLoop | None = None) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._connections: Connections = config.app.state.services.connections
        self._phase: str | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._received, self._window_start, self._paused = 0, 0, False

    @property
    def may_be_closed(self) -> bool:
        """Whether a new connection may replace this one."""
        return self._phase not in AUTHENTICATED_PHASES or self.scope.get("state", {}).get("caller") is None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """A client has connected."""
        super().connection_made(transport)
        if self._connections.admit(self):
            self._watch()
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        super().connection_lost(exc)
        self._connections.remove(self)
        self._set_timer(None, 0, _no_op)

    def data_received(self, data: bytes) -> None:
        """The client has sent bytes."""
        self._received += len(data)
        super().data_received(data)
        self._paused = self._paused or self.flow.read_paused
        self._watch()

    def on_response_complete(self) -> None:
        """The answer is complete."""
        super().on_response_complete()
        self._watch()

    def pause_writing(self) -> None:
        """The write buffer is full: the client reads too slowly."""
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        """The write buffer has room again."""
        super().resume_writing()
        self._watch()

    def send_400_response(self, msg: str) -> None:
        """Refuse bytes that are not HTTP. Once an answer has begun, the connection is only closed."""
        self._refuse(HTTPStatus.BAD_REQUEST, "this is no HTTP request")

    def _watch(self) -> None:
        """Start the timer of the phase when the phase has changed."""
        phase = self._current_phase()
        if phase == self._phase:
            return
        self._phase = phase
        self._connections.set_phase(self, phase)
        if phase == HEAD:
            self._set_timer(phase, self._connections.head, self._on_late_head)
        elif phase == BODY:
            self._window_start, self._paused = self._received, self.flow.read_paused
            self._set_timer(phase, self._connections.body, self._on_body_window)
        elif phase == ANSWER:
            self._window_start = self.transport.get_write_buffer_size()
            self._set_timer(phase, self._connections.body, self._on_answer_window)
        elif phase in (REST, CLOSING):
            self._set_timer(phase, CLOSE_SECONDS if phase == CLOSING else self._connections.head, self._abort)
        else:
            self._set_timer(None, 0, _no_op)

    def _current_phase(self) -> str | None:
        if self.transport.is_closing():
            return CLOSING
        if self.flow.write_paused:
            return ANSWER
        answered = self.cycle is None or self.cycle.response_complete
        if self.conn.their_state is h11.SEND_BODY:
            return REST if answered else BODY
        if not answered:
            return None
        return HEAD if self.timeout_keep_alive_task is None else IDLE

    def _set_timer(self, phase: str | None, seconds: float, call: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(seconds, call) if phase is not None else None

    def _on_late_head(self) -> None:
        self._connections.count_closed(HEAD)
        if self.conn.trailing_data[0]:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, f"the head of the request was not there after {self._connections.head:g} s")
        else:
            self.transport.close()
        self._watch()

    def _on_body_window(self) -> None:
        """At the end of a window, refuse a body that was too slow. A window in which the server has paused reading does not count."""
        paused = self._paused or self.flow.read_paused or self.cycle.waiting_for_100_continue
        if paused or self._received - self._window_start >= self._connections.rate * self._connections.body:
            self._window_start, self._paused = self._received, self.flow.read_paused
            return self._set_timer(BODY, self._connections.body, self._on_body_window)
        self._connections.count_closed(BODY)
        rate, seconds = self._connections.rate, self._connections.body
        detail = f"the body of the request came too slowly: less than {rate:,} bytes a second over {seconds:g} s"
        self._refuse(HTTPStatus.REQUEST_TIMEOUT, detail)
        return self._watch()

    def _on_answer_window(self) -> None:
        remaining = self.transport.get_write_buffer_size()
        if self._window_start - remaining >= self._connections.rate * self._connections.body:
            self._window_start = remaining
            return self._set_timer(ANSWER, self._connections.body, self._on_answer_window)
        return self._abort()

    def _abort(self) -> None:
        if self._phase in REASONS:
            self._connections.count_closed(str(self._phase))
        self.transport.abort()

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        """Send a final answer unless one has begun, tell the app that the client has disconnected, and close."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.write(final_response(status, detail))
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()


@lru_cache(maxsize=8)
def final_response(status: HTTPStatus, detail: str) -> bytes:
    """A whole answer as bytes, cached: a thousand connections may time out at once."""
    response = problem(status, detail)
    fields = b"".join(b"%s: %s\r\n" % field for field in response.raw_headers)
    return b"HTTP/1.1 %d %s\r\n%sconnection: close\r\n\r\n%s" % (status, status.phrase.encode(), fields, response.body)


def _no_op() -> None:
    """Do nothing: the callback where no timer is set."""

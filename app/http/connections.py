"""How many connections there may be, and how long each may take to bring a request or to take its answer.

uvicorn waits for the end of a head, and of a body, for ever. Here a head has so many seconds. A body, and an answer, must go on: so many
bytes in each window of so many seconds, however long it takes in all. When there are as many connections as may be, the one that has
brought no whole request for the longest time makes room for a new one, so whoever sends a request at once is answered.
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

TOLD_EVERY = 60.0
LINGER = 5.0
"""Seconds for what is left to be sent when a connection is closed."""
HEAD, BODY, REST, ANSWER, IDLE, CLOSING = "head", "body", "rest", "answer", "idle", "closing"
"""What a connection waits for: a head, a body, the rest of a body that was answered before its end, a client that reads, the next request,
its end."""
STRANGERS = (BODY, ANSWER)
"""What a connection makes room for others in only when no key came with its request."""
REASONS = (HEAD, BODY, REST, ANSWER, "room", "full")
"""Why connections are closed: too slow with one of these, to make room for a new one, or new while no room could be made."""


class Connections:
    """The open connections of a server, `most` at a time. head, body: seconds; rate: bytes a second; see Limits."""

    def __init__(self, most: int, head: float, body: float, rate: int) -> None:
        self.most, self.head, self.body, self.rate = most, head, body, rate
        self.open: set[Connection] = set()
        self.closed: Counter[str] = Counter()
        self._slow: dict[Connection, None] = {}
        self._told, self._before = float("-inf"), Counter[str]()

    def admit(self, new: Connection) -> bool:
        """Whether there is room for one more, or room could be made."""
        if len(self.open) >= self.most:
            oldest = next((one for one in self._slow if one.yields), None)
            self.note("full" if oldest is None else "room")
            if oldest is None:
                return False
            oldest.transport.abort()
            self.forget(oldest)
        self.open.add(new)
        return True

    def waits(self, one: Connection, phase: str | None) -> None:
        """It waits for something from now on; None: it is being answered."""
        self._slow.pop(one, None)
        if phase is not None:
            self._slow[one] = None

    def forget(self, one: Connection) -> None:
        """It is closed."""
        self.open.discard(one)
        self._slow.pop(one, None)

    def note(self, why: str) -> None:
        """One was closed by us. All of a minute are one line of the log."""
        self.closed[why] += 1
        if time.monotonic() - self._told > TOLD_EVERY:
            since, self._before, self._told = self.closed - self._before, self.closed.copy(), time.monotonic()
            log.warning("connections closed (%s); %d are open", ", ".join(f"{name}: {n}" for name, n in since.items()), len(self.open))


class Connection(H11Protocol):
    """uvicorn's connection with limits; those of `app.state.desk.connections`."""

    def __init__(self, config: Any, server_state: Any, app_state: dict[str, Any], _loop: asyncio.AbstractEventLoop | None = None) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._all: Connections = config.app.state.services.connections
        self._phase: str | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._received, self._mark, self._ours = 0, 0, False

    @property
    def yields(self) -> bool:
        """Whether it makes room for another."""
        return self._phase not in STRANGERS or self.scope.get("state", {}).get("caller") is None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """It is there."""
        super().connection_made(transport)
        if self._all.admit(self):
            self._watch()
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        super().connection_lost(exc)
        self._all.forget(self)
        self._wait(None, 0, _nothing)

    def data_received(self, data: bytes) -> None:
        """The client has sent something."""
        self._received += len(data)
        super().data_received(data)
        self._ours = self._ours or self.flow.read_paused
        self._watch()

    def on_response_complete(self) -> None:
        """An answer was handed over."""
        super().on_response_complete()
        self._watch()

    def pause_writing(self) -> None:
        """The client does not read as fast as the answer comes."""
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        """It has read most of it."""
        super().resume_writing()
        self._watch()

    def send_400_response(self, msg: str) -> None:
        """What came is no HTTP. Nothing can be said of it once an answer has begun."""
        self._refuse(HTTPStatus.BAD_REQUEST, "this is no HTTP request")

    def _watch(self) -> None:
        """Begin to measure when it waits for something else than before."""
        phase = self._waits_for()
        if phase == self._phase:
            return
        self._phase = phase
        self._all.waits(self, phase)
        if phase == HEAD:
            self._wait(phase, self._all.head, self._head_is_late)
        elif phase == BODY:
            self._mark, self._ours = self._received, self.flow.read_paused
            self._wait(phase, self._all.body, self._body_is_slow)
        elif phase == ANSWER:
            self._mark = self.transport.get_write_buffer_size()
            self._wait(phase, self._all.body, self._reader_is_slow)
        elif phase in (REST, CLOSING):
            self._wait(phase, LINGER if phase == CLOSING else self._all.head, self._abort)
        else:
            self._wait(None, 0, _nothing)

    def _waits_for(self) -> str | None:
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

    def _wait(self, phase: str | None, seconds: float, call: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(seconds, call) if phase is not None else None

    def _head_is_late(self) -> None:
        self._all.note(HEAD)
        if self.conn.trailing_data[0]:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, f"the head of the request was not there after {self._all.head:g} s")
        else:
            self.transport.close()
        self._watch()

    def _body_is_slow(self) -> None:
        """A window is over. It counts only where we were ready to read all the while."""
        ours = self._ours or self.flow.read_paused or self.cycle.waiting_for_100_continue
        if ours or self._received - self._mark >= self._all.rate * self._all.body:
            self._mark, self._ours = self._received, self.flow.read_paused
            return self._wait(BODY, self._all.body, self._body_is_slow)
        self._all.note(BODY)
        said = f"the body of the request came too slowly: less than {self._all.rate:,} bytes a second over {self._all.body:g} s"
        self._refuse(HTTPStatus.REQUEST_TIMEOUT, said)
        return self._watch()

    def _reader_is_slow(self) -> None:
        left = self.transport.get_write_buffer_size()
        if self._mark - left >= self._all.rate * self._all.body:
            self._mark = left
            return self._wait(ANSWER, self._all.body, self._reader_is_slow)
        return self._abort()

    def _abort(self) -> None:
        if self._phase in REASONS:
            self._all.note(str(self._phase))
        self.transport.abort()

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        """A last answer, where none has begun; whoever works on the request is told that the client is gone."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.write(last_words(status, detail))
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()


@lru_cache(maxsize=8)
def last_words(status: HTTPStatus, detail: str) -> bytes:
    """A whole answer, made once: a thousand connections may be due at the same moment."""
    made = problem(status, detail)
    fields = b"".join(b"%s: %s\r\n" % field for field in made.raw_headers)
    return b"HTTP/1.1 %d %s\r\n%sconnection: close\r\n\r\n%s" % (status, status.phrase.encode(), fields, made.body)


def _nothing() -> None:
    """No timer is set."""

"""Opportunistic batching: simultaneous calls are served as one batch by the first caller. No call waits for a batch to fill."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Request = TypeVar("Request")
Response = TypeVar("Response")


@dataclass
class _Entry(Generic[Request, Response]):
    request: Request
    response: Response | None = None
    error: BaseException | None = None
    is_done: bool = False


class Batcher(Generic[Request, Response]):
    """Batches calls. `call` maps a list of requests to as many responses; only one thread at a time calls it."""

    def __init__(self, call: Callable[[Sequence[Request]], Sequence[Response]]) -> None:
        self._call = call
        self._waiting: list[_Entry[Request, Response]] = []
        self._mutex, self._running = threading.Lock(), threading.Lock()

    def __call__(self, request: Request) -> Response:
        """The response to one request, computed alone or in a batch."""
        entry = _Entry[Request, Response](request)
        with self._mutex:
            self._waiting.append(entry)
        with self._running:
            if not entry.is_done:
                self._run_batch()
        if entry.error is not None:
            raise entry.error
        return entry.response  # type: ignore[return-value]  # set, since there is no error

    def _run_batch(self) -> None:
        with self._mutex:
            entries, self._waiting = self._waiting, []
        try:
            for entry, response in zip(entries, self._call([entry.request for entry in entries]), strict=True):
                entry.response = response
        except Exception as error:  # noqa: BLE001 - raised in each calling thread
            for entry in entries:
                entry.error = error
        for entry in entries:
            entry.is_done = True

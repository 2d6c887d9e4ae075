"""Where mining runs: a few threads beside the event loop, a short queue before them, and a refusal beyond it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from app.errors import Busy
from miner.indexes import limit_threads

Result = TypeVar("Result")


class Workers:
    """`at_once` calls run, `waiting` more wait, the next is refused. what: the name of them all, for the refusal."""

    def __init__(self, at_once: int, waiting: int, what: str = "requests") -> None:
        # One thread of FAISS each: a request is too little work to be spread, and a barrier on a busy machine costs more than the search.
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="mine", initializer=limit_threads, initargs=(1,))
        self._slots, self._what = threading.Semaphore(at_once + waiting), what
        self._taken: set[Future[Any]] = set()

    @property
    def taken(self) -> int:
        """How many run or wait."""
        return len(self._taken)

    async def run(self, call: Callable[..., Result], *arguments: object) -> Result:
        """The result of `call`. A slot is held until the call has ended, even when nobody waits for it any more."""
        if not self._slots.acquire(blocking=False):
            raise Busy(f"as many {self._what} as may wait are waiting; try again soon")
        try:
            future = self._pool.submit(call, *arguments)
        except BaseException:
            self._slots.release()
            raise
        self._taken.add(future)
        future.add_done_callback(self._free)
        return await asyncio.wrap_future(future)

    def _free(self, future: Future[Any]) -> None:
        self._taken.discard(future)
        self._slots.release()

    def close(self) -> None:
        """Forget what waits; what runs ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def begin(call: Callable[[], Result]) -> Future[Result]:
    """Start a long call that nothing waits for at exit: it may be cut off at any time."""
    future: Future[Result] = Future()

    def work() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - handed on to whoever asks for the result
            future.set_exception(error)

    threading.Thread(target=work, name="open", daemon=True).start()
    return future

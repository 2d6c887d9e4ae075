"""Thread pools beside the event loop, each with a bounded queue: a call that finds the queue full is refused."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from app.errors import Busy
from miner.indexes import limit_threads

Result = TypeVar("Result")


class BoundedPool:
    """Runs `at_once` calls at a time, queues `waiting` more, refuses the next. calls: their name in the refusal."""

    def __init__(self, at_once: int, waiting: int, calls: str = "requests") -> None:
        # One FAISS thread each: a request is too little work for several, and on a busy machine their barrier costs more than the search.
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="mine", initializer=limit_threads, initargs=(1,))
        self._slots, self._calls = threading.Semaphore(at_once + waiting), calls
        self._futures: set[Future[Any]] = set()

    @property
    def in_use(self) -> int:
        """Number of calls that run or wait."""
        return len(self._futures)

    async def run(self, call: Callable[..., Result], *arguments: object) -> Result:
        """The result of `call`. Busy when the queue is full. A cancelled caller frees its slot only when the call has ended."""
        if not self._slots.acquire(blocking=False):
            raise Busy(f"the queue of {self._calls} is full; try again soon")
        try:
            future = self._pool.submit(call, *arguments)
        except BaseException:
            self._slots.release()
            raise
        self._futures.add(future)
        future.add_done_callback(self._free)
        return await asyncio.wrap_future(future)

    def _free(self, future: Future[Any]) -> None:
        self._futures.discard(future)
        self._slots.release()

    def close(self) -> None:
        """Cancel the queued calls. Running calls end by themselves."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def start_thread(call: Callable[[], Result]) -> Future[Result]:
    """Run a long call in a daemon thread: the process may exit without waiting for it."""
    future: Future[Result] = Future()

    def work() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - the future raises it
            future.set_exception(error)

    threading.Thread(target=work, name="open", daemon=True).start()
    return future

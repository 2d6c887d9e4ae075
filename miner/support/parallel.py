"""Several calls at the same time, results in order: how both passes use more than one processor.

Threads, because what takes time (matrix products, sorting, compression) lets go of the interpreter.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 2
"""Results that may wait, for each thread: memory against idle threads."""


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(
    call: Callable[[Item], Result], items: Iterable[Item], threads: int, begin: Callable[[], None] | None = None
) -> Iterator[Result]:
    """`call(item)` for every item, `threads` at a time, a few ahead of who asks; `begin` runs once in each thread.

    The first error ends it: what has not begun is not begun, what has is waited for.
    """
    pool, waiting = ThreadPoolExecutor(threads, initializer=begin), deque[Future[Result]]()
    try:
        for item in items:
            waiting.append(pool.submit(call, item))
            if len(waiting) >= AHEAD * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)

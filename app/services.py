"""What the running service holds: settings, data folder, workers, and the engine once it is open. One per app, in `app.state.desk`."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from fastapi import Request

from app.auth.attempts import Attempts
from app.auth.keys import Keyring
from app.auth.sessions import Sessions
from app.engine.engine import Engine
from app.engine.thread_pool import Workers, begin
from app.errors import Full, NotReady
from app.http.connections import Connections
from app.jobs.plan import Readers
from app.jobs.stores import Stock
from app.jobs.worker import Worker
from app.metrics import Metrics
from app.naming.redaction import Redaction
from app.settings import Settings
from miner.errors import StorageError

CHECK_SECONDS = 1.0
MOST_CHECK_SECONDS = 2.0
"""How long the data folder may take to say how full it is: a drive that has gone away may take for ever."""


class Desk(Stock):
    """A stock with an engine and workers.

    Opens the engine beside the event loop, so that the service answers, with 503, while a model or a corpus is being opened.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.keyring = Keyring(self.state, settings.digests(), closed=settings.exposed)
        self.sessions = Sessions(self.state, self.keyring)
        self.attempts = Attempts(settings.max_wrong_keys)
        self.connections = Connections(settings.max_connections, settings.head_seconds, settings.body_seconds, settings.min_body_rate)
        self.redaction = Redaction(settings)
        self.workers = Workers(settings.at_once, settings.waiting, "requests that mine")
        self.plans = Workers(settings.dry_runs_at_once, settings.dry_runs_waiting, "dry runs")
        self.readers = Readers()
        self.looks = Workers(settings.pages_at_once, settings.pages_waiting, "pages of runs")
        self.metrics = Metrics(self)
        self.metrics.follow(self)
        self.draining, self.watchers, self._checked = False, 0, 0.0
        self.away: StorageError | None = None
        """Why the database could not be read when the keys were read last."""
        self._measuring = ThreadPoolExecutor(1, thread_name_prefix="check")
        self._measured: Future[int] | None = None
        self.staff: list[Worker] = []
        self._opening: Future[Engine] = Future()

    def open(self, on_failure: Callable[[BaseException], None]) -> None:
        """Begin to open the engine, and to work on jobs. on_failure is called when model or corpus cannot be opened."""
        self._opening = begin(lambda: Engine(self.settings, self.corpora, self.metrics))
        self._opening.add_done_callback(lambda done: on_failure(error) if (error := done.exception()) else _settle())
        self.staff = [Worker(self) for _ in range(self.settings.jobs_at_once)]
        for worker in self.staff:
            worker.start()

    @property
    def engine(self) -> Engine:
        """The engine. NotReady while there is none."""
        if self.draining:
            raise NotReady("the server is stopping")
        if not self._opening.done() or self._opening.exception():
            raise NotReady("the model and the corpus are being opened")
        return self._opening.result()

    async def check(self) -> None:
        """NotReady, Full or StorageError when requests had better go elsewhere. It waits for nobody else's work."""
        self.engine  # noqa: B018 - raises while there is none
        if self.away:
            raise self.away
        if time.monotonic() - self._checked > CHECK_SECONDS:
            if await self._free_bytes() < self.settings.keep_free_bytes:
                raise Full("there is too little room left on the disk")
            self._checked = time.monotonic()

    async def _free_bytes(self) -> int:
        """Measured by a thread of its own, one measurement at a time. NotReady when it takes too long."""
        if self._measured is None or self._measured.done():
            self._measured = self._measuring.submit(self.state.free_bytes)
        try:
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(self._measured)), MOST_CHECK_SECONDS)
        except TimeoutError:
            raise NotReady("the data folder does not answer") from None

    def close(self) -> None:
        """Stop taking work; jobs go back into the queue."""
        for worker in self.staff:
            worker.stop()
        for pool in (self.workers, self.plans, self.looks):
            pool.close()
        self.readers.close()
        self._measuring.shutdown(wait=False, cancel_futures=True)
        if self._opening.done() and not self._opening.exception():
            self._opening.result().close()
        super().close()


def _settle() -> None:
    """What is loaded by now stays: Python's collector need not look at it again, which holds everybody up for a tenth of a second."""
    gc.collect()
    gc.freeze()


async def desk(request: Request) -> Desk:
    """The desk of the app that got the request. Async, as every dependency that waits for nothing: others wait for a thread."""
    found: Desk = request.app.state.desk
    return found

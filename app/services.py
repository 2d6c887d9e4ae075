"""The objects that one running service shares: stores, keys, thread pools, workers, the engine. One per app, in `app.state.services`."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Annotated

from fastapi import Depends, Request

from app.auth.attempts import Attempts
from app.auth.keys import Keyring
from app.auth.sessions import Sessions
from app.engine.engine import Engine
from app.engine.thread_pool import BoundedPool, start_thread
from app.errors import Full, NotReady
from app.http.connections import Connections
from app.jobs.plan import Readers
from app.jobs.stores import Stores
from app.jobs.worker import Worker
from app.metrics import Metrics
from app.naming.redaction import Redaction
from app.settings import Settings
from miner.errors import StorageError

CHECK_INTERVAL_SECONDS = 1.0
"""The free space on the disk is measured at most this often."""
MAX_CHECK_SECONDS = 2.0
"""Time limit of one measurement: a network drive that is offline may never answer."""


class Services(Stores):
    """The stores, and what only a server needs: keys, thread pools, workers, the engine.

    The engine is opened beside the event loop: while a model or a corpus is being opened, the service answers 503.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.keyring = Keyring(self.state, settings.digests(), closed=settings.requires_key)
        self.sessions = Sessions(self.state, self.keyring)
        self.attempts = Attempts(settings.max_wrong_keys)
        self.connections = Connections(settings.max_connections, settings.head_seconds, settings.body_seconds, settings.min_body_rate)
        self.redaction = Redaction(settings.named_folders)
        self.mining_pool = BoundedPool(settings.at_once, settings.waiting, "requests that mine")
        self.dry_run_pool = BoundedPool(settings.dry_runs_at_once, settings.dry_runs_waiting, "dry runs")
        self.page_pool = BoundedPool(settings.pages_at_once, settings.pages_waiting, "pages of runs")
        self.readers = Readers()
        self.metrics = Metrics(self)
        self.metrics.follow(self.connections, lambda: self.mining_pool.in_use, lambda: self.dry_run_pool.in_use)
        self.draining, self.watchers, self._checked_at = False, 0, 0.0
        self.database_error: StorageError | None = None
        """The error of the last read of the keys; None: it succeeded."""
        self._disk_pool = ThreadPoolExecutor(1, thread_name_prefix="check")
        self._free_bytes_future: Future[int] | None = None
        self.workers: list[Worker] = []
        self._engine_future: Future[Engine] = Future()

    def open(self, on_failure: Callable[[BaseException], None]) -> None:
        """Start to open the engine, and start the workers. on_failure is called when the model or the corpus cannot be opened."""
        self._engine_future = start_thread(lambda: Engine(self.settings, self.corpora, self.metrics))
        self._engine_future.add_done_callback(lambda done: on_failure(error) if (error := done.exception()) else _freeze_objects())
        self.workers = [Worker(self) for _ in range(self.settings.jobs_at_once)]
        for worker in self.workers:
            worker.start()

    @property
    def engine(self) -> Engine:
        """The engine. NotReady until it is open, and once the server stops."""
        if self.draining:
            raise NotReady("the server is stopping")
        if not self._engine_future.done() or self._engine_future.exception():
            raise NotReady("the model and the corpus are being opened")
        return self._engine_future.result()

    async def check(self) -> None:
        """Raise NotReady, Full or StorageError while the service cannot mine or store. Waits for no other request."""
        self.engine  # noqa: B018 - raises while there is none
        if self.database_error:
            raise self.database_error
        if time.monotonic() - self._checked_at > CHECK_INTERVAL_SECONDS:
            if await self._free_bytes() < self.settings.keep_free_bytes:
                raise Full("there is too little room left on the disk")
            self._checked_at = time.monotonic()

    async def _free_bytes(self) -> int:
        """Free bytes on the disk, measured in a thread of its own, one measurement at a time. NotReady after MAX_CHECK_SECONDS."""
        if self._free_bytes_future is None or self._free_bytes_future.done():
            self._free_bytes_future = self._disk_pool.submit(self.state.free_bytes)
        try:
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(self._free_bytes_future)), MAX_CHECK_SECONDS)
        except TimeoutError:
            raise NotReady("the data folder does not answer") from None

    def close(self) -> None:
        """Stop the workers, the pools and the engine. The jobs of the workers return to the queue."""
        for worker in self.workers:
            worker.stop()
        for pool in (self.mining_pool, self.dry_run_pool, self.page_pool):
            pool.close()
        self.readers.close()
        self._disk_pool.shutdown(wait=False, cancel_futures=True)
        if self._engine_future.done() and not self._engine_future.exception():
            self._engine_future.result().close()
        super().close()


def _freeze_objects() -> None:
    """Exclude the objects of the start from garbage collection: scanning a loaded model would pause all threads for a tenth of a second."""
    gc.collect()
    gc.freeze()


async def get_services(request: Request) -> Services:
    """The services of the app that received the request. Async: FastAPI runs other dependencies in a thread."""
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(get_services)]
"""The type of a route's parameter that FastAPI fills with the services."""

"""What the running service holds: settings, data folder, workers, and the engine once it is open. One per app, in `app.state.desk`."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from concurrent.futures import Future

from fastapi import Request

from app.attempts import Attempts
from app.engine import Engine
from app.errors import Full, NotReady
from app.jobs.worker import Worker
from app.keys import Keyring
from app.metrics import Metrics
from app.sessions import Sessions
from app.settings import Settings
from app.stock import Stock
from app.workers import Workers, begin

CHECK_SECONDS = 1.0


class Desk(Stock):
    """A stock with an engine and workers.

    Opens the engine beside the event loop, so that the service answers, with 503, while a model or a corpus is being opened.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.keyring = Keyring(self.state, settings.digests(), closed=settings.exposed)
        self.sessions = Sessions(self.state, self.keyring)
        self.attempts = Attempts(settings.max_wrong_keys, settings.max_wrong_keys_of_all)
        self.metrics = Metrics(self)
        self.workers = Workers(settings.at_once, settings.waiting)
        self.draining, self.watchers, self._checked = False, 0, 0.0
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

    def check(self) -> None:
        """NotReady, Full or StorageError when requests had better go elsewhere."""
        self.engine  # noqa: B018 - raises while there is none
        if time.monotonic() - self._checked > CHECK_SECONDS:
            if self.state.free_bytes() < self.settings.keep_free_bytes:
                raise Full("there is too little room left on the disk")
            self._checked = time.monotonic()

    def close(self) -> None:
        """Stop taking work; jobs go back into the queue."""
        for worker in self.staff:
            worker.stop()
        self.workers.close()
        if self._opening.done() and not self._opening.exception():
            self._opening.result().close()
        super().close()


def _settle() -> None:
    """What is loaded by now stays: Python's collector need not look at it again, which holds everybody up for a tenth of a second."""
    gc.collect()
    gc.freeze()


def desk(request: Request) -> Desk:
    """The desk of the app that got the request."""
    found: Desk = request.app.state.desk
    return found

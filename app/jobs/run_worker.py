"""Run a worker: `hardneg worker`. Settings come from the environment, flags override them; SIGTERM returns the current job to the queue."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Mapping
from typing import Any

from app.jobs.stores import Stores
from app.jobs.worker import Worker
from app.logs import configure_logging
from app.settings import Settings, from_environ
from app.state.modes import close_to_others

log = logging.getLogger(__name__)


def run_worker(flags: Mapping[str, Any]) -> None:
    """Work on jobs until SIGTERM or SIGINT. ConfigError, StorageError where the settings or the data folder cannot be used."""
    settings = Settings.of(**{**from_environ(os.environ), **flags})
    close_to_others(settings.shared_data)
    configure_logging(settings)
    stores, stop = Stores(settings), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    worker = Worker(stores)
    worker.start()
    log.info("worker %s waits for jobs", worker.name)
    stop.wait()
    worker.stop()
    stores.close()

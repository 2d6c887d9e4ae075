"""Run a worker: `hardneg worker`. Settings come from the environment, flags win; SIGTERM gives the job in hand back."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Mapping
from typing import Any

from app.jobs.stores import Stock
from app.jobs.worker import Worker
from app.logs import begin_logs
from app.settings import Settings, from_environ
from app.state.modes import close_to_others

log = logging.getLogger(__name__)


def work(given: Mapping[str, Any]) -> None:
    """Work until told to stop. ConfigError, StorageError when it cannot."""
    settings = Settings.of(**{**from_environ(os.environ), **given})
    close_to_others(settings.shared_data)
    begin_logs(settings)
    stock, told = Stock(settings), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    worker = Worker(stock)
    worker.start()
    log.info("worker %s waits for jobs", worker.name)
    told.wait()
    worker.stop()
    stock.close()

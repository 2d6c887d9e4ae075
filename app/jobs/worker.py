"""A worker: claims a job, hands it to a child, notes how far it is, keeps the lease, ends it.

A thread of the server, or of `hardneg worker`.
"""

from __future__ import annotations

import logging
import os
import queue
import secrets
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from app.jobs.job_kinds import KINDS
from app.jobs.leases import BEAT_SECONDS
from app.jobs.process import Child
from app.jobs.stores import Stock
from app.jobs.task import Task
from app.naming.redaction import Redaction
from app.storage.job_output import Output
from app.storage.job_rows import Job
from miner.errors import HardnegError, StorageError

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
IDLE_SECONDS = 120
"""A child that had nothing to do for so long is let go: it holds a model's libraries in memory."""


class Worker:
    """Works until it is told to stop."""

    def __init__(self, stock: Stock) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        self._stock, self._stopping, self._shown = stock, threading.Event(), Redaction(stock.settings)
        self._child: Child | None = None
        self._thread = threading.Thread(target=self._work, name="worker", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Give the job in hand back, and end. What it has done so far is not done again."""
        self._stopping.set()
        self._thread.join(timeout=10)

    def wait(self) -> None:
        """Until it has stopped."""
        while self._thread.is_alive():
            self._thread.join(1)

    def _work(self) -> None:
        used, held = time.monotonic(), self._stock.leases.presence.begin(self.name)
        while not self._stopping.is_set():
            job = self._claimed()
            if job is not None:
                self._attempt(job)
                used = time.monotonic()
            else:
                if self._child and time.monotonic() - used > IDLE_SECONDS:
                    self._let_go()
                self._stopping.wait(LOOK_SECONDS)
        self._let_go()
        if held:
            self._stock.leases.presence.forget([self.name])
            held.close()

    def _claimed(self) -> Job | None:
        try:
            return self._stock.leases.claim(self.name)
        except StorageError as error:
            log.warning("no job can be claimed: %s", error)
            self._stopping.wait(5 * LOOK_SECONDS)
            return None

    def _attempt(self, job: Job) -> None:
        """One try at a job, whatever happens in it."""
        try:
            self._handled(job)
        except HardnegError as error:  # what it reads is gone, the disk is full …
            log.warning("job %s: %s", job.id, error)
            self._failed(job, {"kind": type(error).__name__, "detail": str(error)})
        except Exception:
            log.exception("job %s", job.id)
            self._failed(job, {"kind": "bug", "detail": f"a bug; the server's log has it under {job.id}"})

    def _handled(self, job: Job) -> None:
        folder = self._stock.state.jobs / job.id
        folder.mkdir(exist_ok=True)
        spec = KINDS[job.kind].prepare(job.spec, self._stock, folder)
        runtime = self._stock.settings.job_runtime.model_dump(mode="json")
        if self._child is None or not self._child.alive:
            self._child = Child(self._stock.settings.job_threads)
        self._child.give(Task(job.id, job.kind, str(folder), spec, runtime))
        self._listened(job, self._child, folder)

    def _listened(self, job: Job, child: Child, folder: Path) -> None:
        """Until the job has ended one way or another."""
        while True:
            message: dict[str, Any] | None = {}
            with suppress(queue.Empty):
                message = child.messages.get(timeout=BEAT_SECONDS)
            if message is None:
                log.warning("job %s: the process died", job.id)
                self._child = None
                return self._stock.leases.give_back(job, crashed=True)
            if "outcome" in message:
                return self._succeeded(job, folder, message["outcome"])
            if "error" in message:
                return self._failed(job, message["error"])
            if self._stopping.is_set():
                self._let_go()
                return self._stock.leases.give_back(job, crashed=False)
            if not self._goes_on(job, message):
                return None

    def _goes_on(self, job: Job, progress: dict[str, Any]) -> bool:
        """Beat; False when the job was cancelled, or is somebody else's by now."""
        try:
            state = self._stock.leases.beat(job, **progress)
        except StorageError as error:
            log.warning("job %s: no beat: %s", job.id, error)
            return True  # a database that is away for long is noticed by the lease
        if state == "running":
            return True
        self._let_go()
        if state == "cancelling":
            self._stock.leases.end(job, "cancelled")
        return False

    def _succeeded(self, job: Job, folder: Path, outcome: dict[str, Any]) -> None:
        """Result, files and what the kind adds, in one transaction."""
        outputs = [Output(**output) for output in outcome["outputs"]]
        result = dict(outcome["result"])

        def commit(connection: Connection, job: Job) -> None:
            KINDS[job.kind].commit(connection, job, result, self._stock)
            files = self._stock.files
            result["files"] = {output.role: files.adopt(connection, folder / output.path, output, job.id).id for output in outputs}

        self._stock.leases.end(job, "succeeded", result=result, commit=commit)

    def _failed(self, job: Job, error: dict[str, Any]) -> None:
        try:
            self._stock.leases.end(job, "failed", error={**error, "detail": self._shown(error["detail"])})
        except StorageError as wrong:  # the lease lapses, and the job is tried again
            log.warning("job %s: %s", job.id, wrong)

    def _let_go(self) -> None:
        if self._child:
            self._child.kill()
            self._child = None

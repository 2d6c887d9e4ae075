"""A worker fetches a job, gives it to a child process, stores its progress, sends heartbeats, and finishes it.

It is a thread of the server, or of `hardneg worker`.
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

from sqlalchemy import Connection

from app.jobs.job_kinds import KINDS
from app.jobs.leases import HEARTBEAT_SECONDS
from app.jobs.process import Child
from app.jobs.stores import Stores
from app.jobs.task import ChildMessage, OutcomeFields, Task
from app.naming.redaction import Redaction
from app.storage.job_output import Output
from app.storage.job_rows import Job, JobError
from miner.errors import HardnegError, StorageError

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5
"""Interval between two looks into an empty queue."""
MAX_IDLE_SECONDS = 120
"""A child process without a job for so long is ended: it holds a model's libraries in memory."""


class Worker:
    """Works on jobs, one after another, from `start` to `stop`."""

    def __init__(self, stores: Stores) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        self._stores, self._stopping, self._redact = stores, threading.Event(), Redaction(stores.settings.named_folders)
        self._child: Child | None = None
        self._thread = threading.Thread(target=self._loop, name="worker", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Return the current job to the queue, and end. The next attempt reuses what this one has stored."""
        self._stopping.set()
        self._thread.join(timeout=10)

    def wait(self) -> None:
        """Wait until the thread has ended."""
        while self._thread.is_alive():
            self._thread.join(1)

    def _loop(self) -> None:
        last_used, lock_file = time.monotonic(), self._stores.leases.presence.register(self.name)
        while not self._stopping.is_set():
            job = self._fetch_job()
            if job is not None:
                self._attempt_job(job)
                last_used = time.monotonic()
            else:
                if self._child and time.monotonic() - last_used > MAX_IDLE_SECONDS:
                    self._kill_child()
                self._stopping.wait(POLL_SECONDS)
        self._kill_child()
        if lock_file:
            self._stores.leases.presence.unregister([self.name])
            lock_file.close()

    def _fetch_job(self) -> Job | None:
        try:
            return self._stores.leases.fetch_job(self.name)
        except StorageError as error:
            log.warning("no job can be claimed: %s", error)
            self._stopping.wait(5 * POLL_SECONDS)
            return None

    def _attempt_job(self, job: Job) -> None:
        """Run a job once; every exception becomes the error of the job."""
        try:
            self._run(job)
        except HardnegError as error:  # an input was deleted, the disk is full …
            log.warning("job %s: %s", job.id, error)
            self._record_failure(job, {"kind": type(error).__name__, "detail": str(error)})
        except Exception:
            log.exception("job %s", job.id)
            self._record_failure(job, {"kind": "bug", "detail": f"a bug; the server's log has it under {job.id}"})

    def _run(self, job: Job) -> None:
        folder = self._stores.state.jobs / job.id
        folder.mkdir(exist_ok=True)
        spec = KINDS[job.kind].prepare(job.spec, self._stores, folder)
        runtime = self._stores.settings.job_runtime.model_dump(mode="json")
        if self._child is None or not self._child.alive:
            self._child = Child(self._stores.settings.job_threads)
        self._child.send(Task(job.id, job.kind, str(folder), spec, runtime))
        self._follow(job, self._child, folder)

    def _follow(self, job: Job, child: Child, folder: Path) -> None:
        """Read the child's messages until the job has ended or has left this worker."""
        while True:
            message: ChildMessage | None = {}
            with suppress(queue.Empty):
                message = child.messages.get(timeout=HEARTBEAT_SECONDS)
            if message is None:
                log.warning("job %s: the process died", job.id)
                self._child = None
                return self._stores.leases.requeue(job, crashed=True)
            if "outcome" in message:
                return self._record_success(job, folder, message["outcome"])
            if "error" in message:
                return self._record_failure(job, message["error"])
            if self._stopping.is_set():
                self._kill_child()
                return self._stores.leases.requeue(job, crashed=False)
            if not self._report_progress(job, message):
                return None

    def _report_progress(self, job: Job, message: ChildMessage) -> bool:
        """Send a heartbeat. False: the job was cancelled, or another worker has it now."""
        stage, done, total = message.get("stage"), message.get("done", 0), message.get("total", 0)
        try:
            state = self._stores.leases.heartbeat(job, stage, done, total)
        except StorageError as error:
            log.warning("job %s: no heartbeat: %s", job.id, error)
            return True  # if the database stays unreachable, the lease expires
        if state == "running":
            return True
        self._kill_child()
        if state == "cancelling":
            self._stores.leases.finish_job(job, "cancelled")
        return False

    def _record_success(self, job: Job, folder: Path, outcome: OutcomeFields) -> None:
        """Store the result, the files, and what the kind of job adds, in one transaction."""
        outputs = [Output(**output) for output in outcome["outputs"]]
        result = dict(outcome["result"])

        def commit(connection: Connection, job: Job) -> None:
            KINDS[job.kind].commit(connection, job, result, self._stores)
            files = self._stores.files
            result["files"] = {output.role: files.register(connection, folder / output.path, output, job.id).id for output in outputs}

        self._stores.leases.finish_job(job, "succeeded", result=result, commit=commit)

    def _record_failure(self, job: Job, error: JobError) -> None:
        try:
            self._stores.leases.finish_job(job, "failed", error={**error, "detail": self._redact(error["detail"])})
        except StorageError as storage_error:  # the lease expires, and the job is attempted again
            log.warning("job %s: %s", job.id, storage_error)

    def _kill_child(self) -> None:
        if self._child:
            self._child.kill()
            self._child = None

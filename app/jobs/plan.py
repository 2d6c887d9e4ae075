"""Kind `plan`: the dry run of a mining job. It reads the job's files and counts what is in them, without mining. Clients cannot submit it.

A child process reads the files, as for a job, so a dry run takes no thread, memory or processor time of the server.
"""

from __future__ import annotations

import threading
from pathlib import Path

from app.errors import NotReady
from app.jobs.process import Child
from app.jobs.task import Outcome, Task
from app.storage.job_rows import JobError, JobResult, JobSpec
from miner.config import Inputs, Runtime
from miner.errors import ConfigError, HardnegError, InputError
from miner.types import Progress

MAX_IDLE_SECONDS = 120.0
"""A process without a dry run for so long is ended."""
CLIENT_ERRORS = {kind.__name__: kind for kind in (InputError, ConfigError)}
"""Errors that the client's files or config cause, by name."""


def run(spec: JobSpec, runtime: Runtime, on_progress: Progress) -> Outcome:
    """In the child: read the files, and count what is in them."""
    from miner.read import read

    dataset = read(Inputs.of(**spec["inputs"]), Path("dataset"), spec["config"]["min_grade"])
    return Outcome({**dataset.reading, "columns": {name: dict(roles) for name, roles in dataset.columns.items()}})


class Readers:
    """Child processes that read files for dry runs, each reused by the next one. Thread-safe."""

    def __init__(self) -> None:
        self._idle: list[tuple[Child, threading.Timer]] = []
        self._lock, self._closed = threading.Lock(), False

    def read(self, spec: JobSpec, folder: Path) -> JobResult:
        """The counts of the files that are linked into `folder` for this spec. InputError and ConfigError as the job would raise them."""
        child = self._take()
        child.send(Task(folder.name, "plan", str(folder), spec, {}))
        while (message := child.messages.get()) is not None:
            if "outcome" in message:
                self._keep_idle(child)
                return message["outcome"]["result"]
            if "error" in message:
                self._keep_idle(child)
                raise _as_exception(message["error"])
        raise NotReady("the process that read the files died; try again")

    def close(self) -> None:
        """Kill the idle processes. A busy one ends with the server."""
        with self._lock:
            self._closed, idle, self._idle = True, self._idle, []
        for child, timer in idle:
            timer.cancel()
            child.kill()

    def _take(self) -> Child:
        with self._lock:
            child, timer = self._idle.pop() if self._idle else (None, None)
        if timer:
            timer.cancel()
        return child if child and child.alive else Child(1)

    def _keep_idle(self, child: Child) -> None:
        timer = threading.Timer(MAX_IDLE_SECONDS, self._end_idle, (child,))
        timer.daemon = True
        with self._lock:
            if not self._closed:
                self._idle.append((child, timer))
                return timer.start()
        return child.kill()

    def _end_idle(self, child: Child) -> None:
        with self._lock:
            idle = [entry for entry in self._idle if entry[0] is child]
            self._idle = [entry for entry in self._idle if entry[0] is not child]
        for entry, _ in idle:
            entry.kill()


def _as_exception(error: JobError) -> HardnegError:
    return CLIENT_ERRORS.get(error["kind"], HardnegError)(error["detail"])

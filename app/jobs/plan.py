"""Kind `plan`: read the files of a mining job as it would, and say what is in them. Nothing is mined, and no client can ask for it by name.

A dry run is read by a process beside the server, like a job: it takes no thread, no memory and no processor time that answers others.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from app.errors import NotReady
from app.jobs.process import Child
from app.jobs.task import Outcome, Task
from miner.config import Inputs, Runtime
from miner.errors import ConfigError, HardnegError, InputError
from miner.types import Progress

IDLE_SECONDS = 120.0
"""A process that had nothing to read for so long is let go."""
TOLD = {kind.__name__: kind for kind in (InputError, ConfigError)}
"""Errors of the client's making."""


def work(spec: dict[str, Any], runtime: Runtime, on_progress: Progress) -> Outcome:
    """In the child: read, and count."""
    from miner.read import read

    found = read(Inputs.of(**spec["inputs"]), Path("dataset"), spec["config"]["min_grade"])
    return Outcome({**found.reading, "columns": {name: dict(roles) for name, roles in found.columns.items()}})


class Readers:
    """The processes that read for dry runs, each kept for the next one. May be used from several threads."""

    def __init__(self) -> None:
        self._idle: list[tuple[Child, threading.Timer]] = []
        self._lock, self._closed = threading.Lock(), False

    def read(self, spec: dict[str, Any], folder: Path) -> dict[str, Any]:
        """What is in the files that a job of this spec has linked into `folder`. InputError, ConfigError as the job would say it."""
        child = self._taken()
        child.give(Task(folder.name, "plan", str(folder), spec, {}))
        while (message := child.messages.get()) is not None:
            if "outcome" in message:
                self._keep(child)
                return dict(message["outcome"]["result"])
            if "error" in message:
                self._keep(child)
                raise TOLD.get(message["error"]["kind"], HardnegError)(message["error"]["detail"])
        raise NotReady("the process that read the files died; try again")

    def close(self) -> None:
        """End them all; what runs ends with the server."""
        with self._lock:
            self._closed, idle, self._idle = True, self._idle, []
        for child, timer in idle:
            timer.cancel()
            child.kill()

    def _taken(self) -> Child:
        with self._lock:
            child, timer = self._idle.pop() if self._idle else (None, None)
        if timer:
            timer.cancel()
        return child if child and child.alive else Child(1)

    def _keep(self, child: Child) -> None:
        timer = threading.Timer(IDLE_SECONDS, self._let_go, (child,))
        timer.daemon = True
        with self._lock:
            if not self._closed:
                self._idle.append((child, timer))
                return timer.start()
        return child.kill()

    def _let_go(self, child: Child) -> None:
        with self._lock:
            idle = [one for one in self._idle if one[0] is child]
            self._idle = [one for one in self._idle if one[0] is not child]
        for one, _ in idle:
            one.kill()

"""The process that does the work: started by a worker, niced, bounded in threads. It reads tasks from stdin and writes what happens to
stdout, one JSON object a line. When its worker is gone, stdin ends, and so does it: at once, whatever it was doing.

    ← {"job_id": …, "kind": …, "folder": …, "spec": …, "runtime": …}
    → {"stage": …, "done": …, "total": …} … then {"outcome": …} or {"error": {"kind": …, "detail": …}}
"""

from __future__ import annotations

import dataclasses
import fcntl
import logging
import os
import queue
import sys
import threading
import time
from pathlib import Path
from typing import Any

import orjson

from app.jobs.job_kinds import KINDS
from app.jobs.task import Task
from miner.config import Runtime
from miner.errors import HardnegError

log = logging.getLogger(__name__)

NICE = 10
TOLD_EVERY = 0.5
"""Seconds between two lines of progress of one stage."""


class Lines:
    """The worker's side of the conversation: our stdout, which nobody else writes to any more."""

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "wb", buffering=0)
        os.dup2(2, 1)  # what a library prints goes to the log
        self._stage, self._told = "", 0.0

    def send(self, **what: Any) -> None:
        """One line."""
        self._out.write(orjson.dumps(what, option=orjson.OPT_APPEND_NEWLINE))

    def progress(self, stage: str, done: int, total: int) -> None:
        """One line of progress, when the last one was some time ago."""
        moment = time.monotonic()
        if stage != self._stage or moment - self._told >= TOLD_EVERY:
            self._stage, self._told = stage, moment
            self.send(stage=stage, done=done, total=total)


def main() -> None:
    """Work until stdin ends."""
    os.nice(NICE)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    lines, tasks = Lines(), queue.SimpleQueue[Task]()
    threading.Thread(target=_listen, args=(tasks,), daemon=True).start()
    while True:
        _do(tasks.get(), lines)


def _listen(tasks: queue.SimpleQueue[Task]) -> None:
    for line in sys.stdin.buffer:
        tasks.put(Task(**orjson.loads(line)))
    os._exit(0)  # the worker is gone or wants no more: nothing here is worth an orderly end


def _do(task: Task, lines: Lines) -> None:
    """One task. Only one process works in a job's folder, even while an older one has not noticed yet that it is no longer wanted."""
    os.chdir(task.folder)
    with Path("lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            outcome = KINDS[task.kind].work(task.spec, Runtime.of(**task.runtime), lines.progress)
            lines.send(outcome=dataclasses.asdict(outcome))
        except HardnegError as error:
            lines.send(error={"kind": type(error).__name__, "detail": str(error)})
        except MemoryError:
            lines.send(error={"kind": "MemoryError", "detail": "there is not enough memory for this job"})
        except Exception as error:  # the worker decides what to tell
            log.exception("job %s failed", task.job_id)
            lines.send(error={"kind": "bug", "detail": f"a bug: {type(error).__name__}; the server's log has it under {task.job_id}"})
    os.chdir("/")

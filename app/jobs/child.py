"""The child process that runs jobs, at low priority and with a limited number of threads. It reads tasks from stdin and writes messages to
stdout, one JSON object a line. When its worker dies, stdin ends, and the child exits at once, even in the middle of a job.

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
from typing import Any

import orjson

from app.jobs.job_kinds import KINDS
from app.jobs.task import Task
from miner.config import Runtime
from miner.errors import HardnegError
from miner.io.plain_files import create_file

log = logging.getLogger(__name__)

NICENESS = 10
PROGRESS_INTERVAL_SECONDS = 0.5
"""Minimum interval between two progress messages of one stage."""


class MessageWriter:
    """Writes messages to the worker: to the stdout that the process was started with. All other output goes to stderr."""

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "wb", buffering=0)
        os.dup2(2, 1)  # a library that prints writes to the log
        self._stage, self._sent_at = "", 0.0

    def send(self, **message: Any) -> None:
        """Write one message."""
        self._out.write(orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE))

    def progress(self, stage: str, done: int, total: int) -> None:
        """Write a progress message, at most one per interval and stage."""
        clock = time.monotonic()
        if stage != self._stage or clock - self._sent_at >= PROGRESS_INTERVAL_SECONDS:
            self._stage, self._sent_at = stage, clock
            self.send(stage=stage, done=done, total=total)


def main() -> None:
    """Run tasks until stdin ends."""
    os.nice(NICENESS)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    lines, tasks = MessageWriter(), queue.SimpleQueue[Task]()
    threading.Thread(target=_read_tasks, args=(tasks,), daemon=True).start()
    while True:
        _run_task(tasks.get(), lines)


def _read_tasks(tasks: queue.SimpleQueue[Task]) -> None:
    for line in sys.stdin.buffer:
        tasks.put(Task(**orjson.loads(line)))
    os._exit(0)  # the worker has died or stopped; the next attempt can use whatever this one has stored


def _run_task(task: Task, lines: MessageWriter) -> None:
    """Run one task under the lock of the job's folder: the process of an earlier attempt may still be running there."""
    os.chdir(task.folder)
    with create_file("lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            outcome = KINDS[task.kind].run(task.spec, Runtime.of(**task.runtime), lines.progress)
            lines.send(outcome=dataclasses.asdict(outcome))
        except HardnegError as error:
            lines.send(error={"kind": type(error).__name__, "detail": str(error)})
        except MemoryError:
            lines.send(error={"kind": "MemoryError", "detail": "there is not enough memory for this job"})
        except Exception as error:  # the worker decides what the client sees
            log.exception("job %s failed", task.job_id)
            lines.send(error={"kind": "bug", "detail": f"a bug: {type(error).__name__}; the server's log has it under {task.job_id}"})
    os.chdir("/")

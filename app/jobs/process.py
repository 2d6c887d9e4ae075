"""A child process and the conversation with it."""

from __future__ import annotations

import dataclasses
import os
import queue
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from app.jobs.task import Task

ROOT = Path(__file__).parents[2]
BOUNDED = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")


class Child:
    """A process that works on one task after another. `messages` holds what it says; None: it has ended."""

    def __init__(self, threads: int) -> None:
        self.messages: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        environ = {**os.environ, **dict.fromkeys(BOUNDED, str(threads)), "PYTHONPATH": _path(), "TOKENIZERS_PARALLELISM": "false"}
        command = [sys.executable, "-m", "hardneg.job"]
        # A group of its own: an interrupt at the terminal is for the server, which then decides what becomes of the job.
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ, cwd="/", start_new_session=True
        )
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def give(self, task: Task) -> None:
        """Hand it a task. A child that has died says so in `messages`."""
        with suppress(OSError):
            self._process.stdin.write(orjson.dumps(dataclasses.asdict(task), option=orjson.OPT_APPEND_NEWLINE))  # type: ignore[union-attr]
            self._process.stdin.flush()  # type: ignore[union-attr]

    def kill(self) -> None:
        """End it and whatever it has started, at once: nothing it works on can be torn."""
        with suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        with suppress(OSError):
            self._process.stdin.close()  # type: ignore[union-attr]

    def _read(self) -> None:
        with suppress(ValueError):
            for line in self._process.stdout:  # type: ignore[union-attr]
                self.messages.put(orjson.loads(line))
        self.messages.put(None)


def _path() -> str:
    """The same packages as ours, wherever they were imported from."""
    return os.pathsep.join(dict.fromkeys([str(ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]))

"""A child process that runs jobs, as its worker sees it."""

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

import orjson

from app.jobs.task import ChildMessage, Task

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "hardneg.job"]
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")


class Child:
    """A process that runs one task after another. `messages` holds its answers; None: it has ended."""

    def __init__(self, threads: int) -> None:
        self.messages: queue.SimpleQueue[ChildMessage | None] = queue.SimpleQueue()
        environ = {
            **os.environ,
            **dict.fromkeys(THREAD_VARIABLES, str(threads)),
            "PYTHONPATH": _python_path(),
            "TOKENIZERS_PARALLELISM": "false",
        }
        # A process group of its own: Ctrl-C at the terminal reaches the server only, which then returns the job to the queue.
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ, cwd="/", start_new_session=True
        )
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process is running."""
        return self._process.poll() is None

    def send(self, task: Task) -> None:
        """Give the process a task. If it has died, `messages` holds a None."""
        with suppress(OSError):
            self._process.stdin.write(orjson.dumps(dataclasses.asdict(task), option=orjson.OPT_APPEND_NEWLINE))  # type: ignore[union-attr]
            self._process.stdin.flush()  # type: ignore[union-attr]

    def kill(self) -> None:
        """Kill the process and its children at once. That is safe: all its outputs are written atomically."""
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


def _python_path() -> str:
    """PYTHONPATH of the child: it imports the same packages as this process."""
    return os.pathsep.join(dict.fromkeys([str(ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]))

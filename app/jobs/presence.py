"""Which workers of this machine are alive: each holds a lock on a file of its name, and the kernel lets go of it when it dies.

So a job of a worker that was killed waits for no lease. Only names of this machine are looked at: a lock may mean nothing on a drive that
several share, and there the lease decides. A name is used once (app/jobs/worker.py), so who is gone stays gone.
"""

from __future__ import annotations

import fcntl
import socket
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO


class Presence:
    """A folder with one file a worker."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, worker: str) -> IO[bytes] | None:
        """Hold the lock of a worker until what is returned is closed; None where files cannot be locked, and nobody is told."""
        hidden = self._folder / f".{worker}"
        with suppress(OSError):
            held = hidden.open("wb")
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            hidden.rename(self._folder / worker)  # under its name only when it is held
            return held
        return None

    def gone(self) -> list[str]:
        """Workers of this machine whose process has died."""
        ours = f"{socket.gethostname()}:"
        return [path.name for path in self._folder.iterdir() if path.name.startswith(ours) and _free(path)]

    def forget(self, workers: Iterable[str]) -> None:
        """They left, or what they held is known to be free."""
        for worker in workers:
            with suppress(OSError):
                (self._folder / worker).unlink()


def _free(path: Path) -> bool:
    with suppress(OSError), path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False

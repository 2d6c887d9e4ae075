"""Which workers of this machine are alive: each holds a lock on a file of its name, which the kernel releases when the process dies.

So a job of a killed worker is fetched again at once, before its lease expires. Only workers of this machine are checked: on a network drive
a lock may mean nothing, and there the lease decides. A name is never reused (app/jobs/worker.py).
"""

from __future__ import annotations

import fcntl
import socket
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO

from miner.io.folder_tree import remove, rename
from miner.io.plain_files import create_file, open_bytes


class Presence:
    """A folder with one locked file per live worker."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def register(self, worker: str) -> IO[bytes] | None:
        """Lock the file of a worker until the returned file is closed. None where files cannot be locked: then only its lease counts."""
        hidden = self._folder / f".{worker}"
        with suppress(OSError):
            lock_file = create_file(hidden)
            fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            rename(hidden, self._folder / worker)  # visible only once it is locked
            return lock_file
        return None

    def dead_workers(self) -> list[str]:
        """Names of the workers of this machine whose process has died."""
        prefix = f"{socket.gethostname()}:"
        return [path.name for path in self._folder.iterdir() if path.name.startswith(prefix) and _is_unlocked(path)]

    def unregister(self, workers: Iterable[str]) -> None:
        """Remove the files of workers that have stopped or died."""
        for worker in workers:
            with suppress(OSError):
                remove(self._folder / worker)


def _is_unlocked(path: Path) -> bool:
    with suppress(OSError), open_bytes(path) as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False

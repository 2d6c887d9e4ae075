"""One process at a time in a folder: a lock that the kernel lets go when the process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from miner.errors import BusyError
from miner.io.atomic import storing

LOCK = "lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold `folder`, made where it is not there; it goes again where nothing was put into it. BusyError while another process holds it."""
    path = folder / LOCK
    with storing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("wb")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(os.fstat(file.fileno()), path.stat()):
                raise FileNotFoundError
        except OSError as error:
            raise BusyError(f"cannot write {folder}: another process is at work there") from error
        try:
            yield
        finally:
            with suppress(OSError):
                path.unlink(missing_ok=True)
                folder.rmdir()

"""One process at a time in a folder: a file lock, which the kernel releases when the process ends in any way."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from miner.errors import BusyError
from miner.io.atomic import storing
from miner.io.folder_tree import remove, remove_empty
from miner.io.plain_files import create_file

LOCK = "lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock `folder`; create it where it is missing, and remove it afterwards where it is empty.

    Raises BusyError while another process holds the lock.
    """
    path = folder / LOCK
    with storing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        file = create_file(path)
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
                remove(path)
                remove_empty(folder)

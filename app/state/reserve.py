"""A little room on the disk that nobody may fill, given up when something is to be deleted and the database has no room to say so."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from miner.errors import StorageError

Answer = TypeVar("Answer")
RESERVED_BYTES = 4 * 2**20


class Reserve:
    """A file of `RESERVED` bytes that hold nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.keep()

    def keep(self) -> None:
        """Take the room, where there is some and we have none."""
        with suppress(OSError):
            if self._path.exists() and self._path.stat().st_size == RESERVED_BYTES:
                return
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o660)
            try:
                os.posix_fallocate(handle, 0, RESERVED_BYTES)
            finally:
                os.close(handle)

    def with_reserve(self, call: Callable[[], Answer]) -> Answer:
        """Make a call that removes something and may be made twice; again, with the room, when the disk is full."""
        try:
            return call()
        except StorageError as error:
            if not is_full(error):
                raise
            self._path.unlink(missing_ok=True)
            return call()
        finally:
            self.keep()


def is_full(error: BaseException) -> bool:
    """Whether the disk had no room, whoever noticed: the file system, or the database in it."""
    cause = error.__cause__
    return "disk is full" in str(error) or (isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT))

"""Reserved space on the disk: released when the disk is full, so that the database can record a deletion."""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from miner.errors import StorageError
from miner.io.folder_tree import remove
from miner.io.plain_files import create_reserved

Answer = TypeVar("Answer")
RESERVED_BYTES = 4 * 2**20


class Reserve:
    """A file of RESERVED_BYTES without content."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.keep()

    def keep(self) -> None:
        """Create the file if it does not exist and the disk has space."""
        with suppress(OSError):
            if self._path.exists() and self._path.stat().st_size == RESERVED_BYTES:
                return
            create_reserved(self._path, RESERVED_BYTES)

    def with_reserve(self, call: Callable[[], Answer]) -> Answer:
        """Run an idempotent deletion; when the disk is full, release the reserve and run it again."""
        try:
            return call()
        except StorageError as error:
            if not is_full(error):
                raise
            remove(self._path)
            return call()
        finally:
            self.keep()


def is_full(error: BaseException) -> bool:
    """Whether the disk was full, as reported by the file system or by the database."""
    cause = error.__cause__
    return "disk is full" in str(error) or (isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT))

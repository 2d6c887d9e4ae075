"""Standard input and output as files: bytes in a pipe cannot be renamed or removed, so they are written at once."""

from __future__ import annotations

import hashlib
import io
import sys
from typing import BinaryIO, Self

from miner.io.atomic import storing


def open_standard_input() -> io.BufferedReader:
    """Open standard input for reading; closing it leaves the descriptor open."""
    return io.BufferedReader(io.FileIO(sys.stdin.fileno(), closefd=False))


class Pipe:
    """A stream with the interface of `Part`: bytes are hashed and written at once."""

    def __init__(self, stream: BinaryIO | None = None) -> None:
        self.bytes = 0
        self._stream = stream or sys.stdout.buffer
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Hash of the bytes written so far."""
        return self._hash.hexdigest()

    def write(self, data: bytes) -> int:
        """Write all of `data`. Raises BrokenPipeError where the reader has closed the pipe."""
        with storing("standard output"):
            self._stream.write(data)
        self._hash.update(data)
        self.bytes += len(data)
        return len(data)

    def abandon(self) -> None:
        """Do nothing: bytes in a pipe cannot be removed."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            with storing("standard output"):
                self._stream.flush()

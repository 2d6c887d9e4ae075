"""Standard output as a place to write to: what has gone down a pipe cannot be renamed or taken back, so it is written as it comes."""

from __future__ import annotations

import hashlib
import sys
from typing import BinaryIO, Self

from miner.io.atomic import storing


class Pipe:
    """The same three verbs as `Part`, for a stream: hashed, written at once."""

    def __init__(self, stream: BinaryIO | None = None) -> None:
        self.bytes = 0
        self._stream = stream or sys.stdout.buffer
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Of everything written so far."""
        return self._hash.hexdigest()

    def write(self, data: bytes) -> int:
        """Write all of `data`; BrokenPipeError where the reader went away."""
        with storing("standard output"):
            self._stream.write(data)
        self._hash.update(data)
        self.bytes += len(data)
        return len(data)

    def abandon(self) -> None:
        """What was read cannot be taken back."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            with storing("standard output"):
                self._stream.flush()

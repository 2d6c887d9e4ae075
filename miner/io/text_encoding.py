"""Text in other encodings: a file that begins with a byte order mark of UTF-16 or UTF-32 becomes UTF-8 while it is read."""

from __future__ import annotations

import codecs
import io
from typing import Any

ENCODINGS = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
"""Encodings by their byte order mark; that of UTF-32 begins as that of UTF-16 does, and comes first."""
MARK_BYTES = 4
CHUNK_BYTES = 1 << 16


def encoding_of(start: bytes) -> str | None:
    """Return the encoding that the first bytes of a file name, or None where they name none, or UTF-8."""
    return next((name for mark, name in ENCODINGS.items() if start.startswith(mark)), None)


def as_utf8(stream: Any, buffer_bytes: int = io.DEFAULT_BUFFER_SIZE) -> io.BufferedReader:
    """Return the stream with text of UTF-16 and UTF-32 as UTF-8, and everything else as it is."""
    buffered = io.BufferedReader(stream, buffer_bytes)
    encoding = encoding_of(buffered.peek(MARK_BYTES)[:MARK_BYTES])
    return io.BufferedReader(Utf8(buffered, encoding), buffer_bytes) if encoding else buffered


class Utf8(io.RawIOBase):
    """A stream of UTF-8 from one of another encoding. An invalid character raises an OSError, as other damage does."""

    def __init__(self, stream: io.BufferedReader, encoding: str) -> None:
        super().__init__()
        self._stream, self._encoding = stream, encoding
        self._decode = codecs.getincrementaldecoder(encoding)().decode
        self._pending = b""

    def readable(self) -> bool:
        """Return True; the stream cannot be written or sought."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` with UTF-8."""
        chunk = b"-"
        while chunk and not self._pending:
            chunk = self._stream.read(CHUNK_BYTES)
            try:
                self._pending = self._decode(chunk, not chunk).encode()
            except UnicodeError as error:
                raise OSError(f"invalid {self._encoding.upper()}: {error}") from None
        count = min(len(buffer), len(self._pending))
        buffer[:count], self._pending = self._pending[:count], self._pending[count:]
        return count

    def close(self) -> None:
        """Close the underlying stream."""
        self._stream.close()
        super().close()

"""Input files as bytes: open a file, decompress it, decode UTF-16, and count and hash the raw bytes in the same pass.

Imports types and errors only; rows are the readers' concern.
"""

from __future__ import annotations

import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, TypedDict

import pyarrow as pa

from miner.errors import InputError
from miner.io.file_kinds import COMPRESSIONS
from miner.io.plain_files import open_bytes
from miner.io.standard_input import STANDARD_INPUT, standard_input
from miner.io.text_encoding import MARK_BYTES, as_utf8, encoding_of


class FileHash(TypedDict):
    """Size and SHA-256 of a file."""

    bytes: int
    sha256: str


InputHashes = dict[str, FileHash]
"""Size and SHA-256 of each input file, by the name that the user gave."""

BROKEN = (EOFError, zlib.error, lzma.LZMAError, OSError)
"""Errors of damaged data while it is read."""
BUFFER_BYTES = 1 << 20
START_BYTES = 1 << 12


class HashingFile(io.RawIOBase):
    """A file that counts and hashes its raw bytes while they are read."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = path.open("rb", buffering=0)
        self._digest = sha256()
        self._bytes = 0

    def readable(self) -> bool:
        """Return True; the file cannot be written or sought."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` from the file."""
        count = self._file.readinto(buffer)
        self._digest.update(memoryview(buffer)[:count])
        self._bytes += count
        return count

    def close(self) -> None:
        """Close the underlying file."""
        self._file.close()
        super().close()

    def finish(self) -> FileHash:
        """Read the rest of the file; return its size and hash."""
        while self.read(BUFFER_BYTES):
            pass
        return {"bytes": self._bytes, "sha256": self._digest.hexdigest()}


@contextmanager
def open_input(location: str, inputs: InputHashes) -> Iterator[io.BufferedReader]:
    """Yield the decompressed bytes of a file; add its size and hash to `inputs` once it has been read."""
    path = existing_path(location)
    compression = COMPRESSIONS.get(path.suffix.lower())
    try:
        with HashingFile(path) as raw:
            yield as_utf8(_decompressed(raw, compression), BUFFER_BYTES)
            inputs[location] = raw.finish()
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise InputError(_fault(error, compression), location) from None


def read_start(location: str) -> bytes:
    """Return the first decompressed bytes of a file; empty for a pipe, which can be read only once."""
    path = existing_path(location)
    compression = COMPRESSIONS.get(path.suffix.lower())
    if not path.is_file():
        return b""
    try:
        with open_bytes(path) as raw:
            return as_utf8(_decompressed(raw, compression)).read(START_BYTES)
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise InputError(_fault(error, compression), location) from None


def encoding_note(location: str) -> str:
    """Return `; the file is read as UTF-16` where a byte order mark says so, for a message about its content; else nothing."""
    path = Path(location)
    if not path.is_file():
        return ""
    with open_bytes(path) as raw:
        encoding = encoding_of(raw.read(MARK_BYTES))
    return f"; the file is read as {encoding.upper()}" if encoding else ""


def open_decompressed(path: str | Path) -> io.BufferedReader:
    """Open a text file for reading, decompressed by its name, in UTF-8; the caller closes it.

    Raises OSError; while it is read, one of BROKEN for damaged data.
    """
    return as_utf8(decompressed(path))


def decompressed(path: str | Path) -> Any:
    """Open a file for reading, decompressed by its name; the caller closes it. Errors as of `open_decompressed`."""
    compression = COMPRESSIONS.get(Path(path).suffix.lower())
    return gzip.open(path) if compression == "gzip" else _decompressed(open_bytes(path), compression)


def _decompressed(raw: Any, compression: str | None) -> Any:
    """Return the stream without its compression."""
    if compression == "xz":
        return lzma.open(raw)
    # Not zstandard's reader, which does not notice a truncated stream.
    return pa.CompressedInputStream(raw, compression) if compression else raw


def hash_file(path: Path) -> FileHash:
    """Return the size and hash of a file that a library reads itself."""
    try:
        with open_bytes(path) as file:
            return {"bytes": path.stat().st_size, "sha256": file_digest(file, "sha256").hexdigest()}
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", str(path)) from None


def existing_path(location: str, role: str = "") -> Path:
    """Return the path, of "-" the copy of standard input; raise InputError where it does not exist.

    role: the expected content, for the message.
    """
    path = standard_input() if location == STANDARD_INPUT else Path(location)
    if not path.exists():
        raise InputError(f"there is no file {location}" + (f", which was to hold the {role}" if role else ""))
    return path


def _fault(error: Exception, compression: str | None) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read: {error.strerror}"
    if not compression:
        return str(error)
    if isinstance(error, EOFError) or "runcated" in str(error):
        return f"the file ends too early: its {compression} stream is cut off"
    return f"the file is not {compression}, or it is damaged: {error}"

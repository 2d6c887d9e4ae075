"""Raw bytes in: opens a file, unpacks .gz and .zst, and counts and hashes the bytes in the same pass.

Imports types and errors only; knows nothing of rows.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

import pyarrow as pa

from miner.errors import InputError

InputHashes = dict[str, dict[str, Any]]
"""What was read, by the name that the user gave: size and SHA-256 of each file."""

PACKED = {".gz": "gzip", ".zst": "zstd"}
CHUNK = 1 << 20
PEEKED = 1 << 12


class Hashed(io.RawIOBase):
    """A file that counts and hashes its raw bytes while they are read."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = path.open("rb", buffering=0)
        self._digest = sha256()
        self._bytes = 0

    def readable(self) -> bool:
        """Always; there is no way to write or seek."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` from the file."""
        count = self._file.readinto(buffer)
        self._digest.update(memoryview(buffer)[:count])
        self._bytes += count
        return count

    def close(self) -> None:
        """Close the file beneath."""
        self._file.close()
        super().close()

    def note(self) -> dict[str, Any]:
        """Size and hash of the whole file: what was not read yet is read now."""
        while self.read(CHUNK):
            pass
        return {"bytes": self._bytes, "sha256": self._digest.hexdigest()}


@contextmanager
def opened(given: str, inputs: InputHashes) -> Iterator[io.BufferedReader]:
    """The unpacked bytes of a file; its size and hash go into `inputs` once it has been read."""
    path = must_exist(given)
    packed = PACKED.get(path.suffix.lower())
    try:
        with Hashed(path) as raw:
            stream = pa.CompressedInputStream(raw, packed) if packed else raw
            yield io.BufferedReader(stream, CHUNK)
            inputs[given] = raw.note()
    except OSError as error:
        raise InputError(_fault(error, packed), given) from None


def start(given: str) -> bytes:
    """The first unpacked bytes of a file; none of what can be read only once, such as a pipe."""
    path = must_exist(given)
    packed = PACKED.get(path.suffix.lower())
    if not path.is_file():
        return b""
    try:
        with path.open("rb") as raw:
            return bytes((pa.CompressedInputStream(raw, packed) if packed else raw).read(PEEKED))
    except OSError as error:
        raise InputError(_fault(error, packed), given) from None


def hashed(path: Path) -> dict[str, Any]:
    """Size and hash of a file that is read in no fixed order."""
    try:
        with path.open("rb") as file:
            return {"bytes": path.stat().st_size, "sha256": file_digest(file, "sha256").hexdigest()}
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", str(path)) from None


def must_exist(given: str, role: str = "") -> Path:
    """The path, if it is there; `role` says what it was to hold."""
    path = Path(given)
    if not path.exists():
        raise InputError(f"there is no file {given}" + (f", which was to hold the {role}" if role else ""))
    return path


def _fault(error: OSError, packed: str | None) -> str:
    if error.strerror:
        return f"cannot be read: {error.strerror}"
    if "runcated" in str(error):
        return f"the file ends too early: its {packed} stream is cut off"
    return f"the file is not {packed}, or it is damaged: {error}"

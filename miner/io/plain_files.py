"""Files as bytes: open, read at once, create, append. Every function raises OSError; `atomic.storing` turns it into a StorageError.

A file that a user sees is written by `atomic`. The functions here that write are for files of a folder that is not visible yet, or that
has its own commit point: they neither rename nor sync.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any, BinaryIO

import orjson


def open_bytes(path: str | Path) -> io.BufferedReader:
    """Open a file for reading; the caller closes it."""
    return Path(path).open("rb")


def read_bytes(path: str | Path) -> bytes:
    """Return the content of a file."""
    with open_bytes(path) as file:
        return file.read()


def read_text(path: str | Path, errors: str = "strict") -> str:
    """Return the content of a text file in UTF-8; line ends of any system become newlines. errors: as of `bytes.decode`."""
    return Path(path).read_text(encoding="utf-8", errors=errors)


def read_json(path: str | Path) -> Any:
    """Return the value in a JSON file. Raises ValueError for a file that is no JSON."""
    return orjson.loads(read_bytes(path))


def create_file(path: str | Path) -> BinaryIO:
    """Open a new or emptied file for writing; the caller closes it."""
    return Path(path).open("wb")


def append_file(path: str | Path, *, buffered: bool = True) -> BinaryIO:
    """Open a file for writing at its end, created where it is missing; the caller closes it. buffered: False writes each call at once."""
    return Path(path).open("ab", buffering=-1 if buffered else 0)


def create_reserved(path: str | Path, size: int) -> None:
    """Create a file of `size` bytes that the disk really has: writing through a map into a full disk kills the process."""
    with create_file(path) as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            file.truncate(size)


def write_file(path: str | Path, data: bytes) -> None:
    """Write a file at once."""
    with create_file(path) as file:
        file.write(data)

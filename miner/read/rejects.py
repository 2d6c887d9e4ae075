"""Invalid rows: one sentence with their location, raised at once, or written to errors.jsonl and counted. No row is dropped silently.

Imports types and errors only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, Self

import orjson

from miner.errors import InputError
from miner.io.folder_tree import remove
from miner.io.plain_files import create_file

OnError = Literal["fail", "skip"]

Reread = Callable[[], Iterable[tuple[int, object]]]
"""Yields the raw rows again, each with its number: lines as bytes, rows of tables as dicts."""

FILE_NAME = "errors.jsonl"
FILE_STRIDE = 1 << 40
"""Distance between the row numbers of two files that are read as one: more rows than a file has."""
EXCERPT_CHARS = 200
"""Characters of an invalid row in the error file."""

log = logging.getLogger(__name__)


class BadRow(Exception):  # noqa: N818 - it never leaves this package
    """One row is invalid; the message is the reason, and the caller adds the location."""


@dataclass(frozen=True)
class Origin:
    """The file of rows: its name as the user gave it, and the format of a location in it."""

    name: str
    spot: str = "{}:{}"
    parts: tuple[Origin, ...] = ()
    """The origins of several files that are read as one; a number is then the file's position times FILE_STRIDE, plus the row's number."""

    def where(self, number: int) -> str:
        """Return the location of a row: `corpus.jsonl:3`, `corpus.parquet: row 3`, `queries[3]`."""
        origin, row_number = self.locate(number)
        return origin.spot.format(origin.name, row_number)

    def locate(self, number: int) -> tuple[Origin, int]:
        """Return the file of a row, and the row's number in it."""
        file_number, row_number = divmod(number, FILE_STRIDE)
        return (self.parts[file_number] if self.parts else self), row_number


class Rejects:
    """Raises or records invalid rows. count: number of invalid rows."""

    def __init__(self, folder: Path, on_error: OnError) -> None:
        self.count = 0
        self._skip = on_error == "skip"
        self._path = folder / FILE_NAME
        remove(self._path)
        self._file: IO[bytes] | None = None

    def add(self, origin: Origin, number: int, reason: str, row: object) -> None:
        """Raise InputError, or record the row."""
        if not self._skip:
            raise InputError(reason, origin.where(number))
        self.count += 1
        self._file = self._file or create_file(self._path)
        origin, number = origin.locate(number)
        note = {"file": _utf8(origin.name), "line": number, "reason": _utf8(reason), "row": excerpt(row)}
        self._file.write(orjson.dumps(note) + b"\n")

    def add_read(self, origin: Origin, numbers: Sequence[int], reason: Callable[[int], str], reread: Reread) -> None:
        """Reject rows that were read before: the file is read again for the raw rows.

        numbers: row numbers, ascending, without repeats.
        reason: function that returns the reason for the i-th of them.
        reread: function that yields the raw rows; none for a pipe, which can be read only once.
        """
        if not len(numbers):
            return
        if not self._skip:
            raise InputError(reason(0), origin.where(numbers[0]))
        position = 0
        for number, row in reread():
            if number == numbers[position]:
                self.add(origin, number, reason(position), row)
                position += 1
                if position == len(numbers):
                    return
        for missing in range(position, len(numbers)):
            self.add(origin, numbers[missing], reason(missing), "")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._file:
            self._file.close()
            log.info("%d wrong rows were skipped, see %s", self.count, self._path)


def excerpt(row: object) -> str:
    """Return the start of a row, as text that can be written as UTF-8."""
    if isinstance(row, bytes):
        return row[: EXCERPT_CHARS * 4].decode("utf-8", "replace").rstrip("\r\n")[:EXCERPT_CHARS]
    if not isinstance(row, str):
        try:
            row = orjson.dumps(row, default=str).decode()
        except TypeError:
            row = repr(row)
    return _utf8(row[:EXCERPT_CHARS])


def _utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode()

"""Wrong rows: one sentence with their place, raised at once or written to errors.jsonl and counted. Nothing is dropped silently.

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

OnError = Literal["fail", "skip"]

Reread = Callable[[], Iterable[tuple[int, object]]]
"""Reads rows once more, each with its number, as they stand: lines as bytes, what has columns as a dict."""

FILE_NAME = "errors.jsonl"
FILE_STRIDE = 1 << 40
"""More rows than a file has."""
EXCERPT_CHARS = 200
"""Characters of a wrong row that go into the error file."""

log = logging.getLogger(__name__)


class BadRow(Exception):  # noqa: N818 - it never leaves this package
    """One row is wrong; the message is the reason, the place is added by whoever knows it."""


@dataclass(frozen=True)
class Origin:
    """Where rows come from: the name as the user gave it, and how a row of it is pointed at."""

    name: str
    spot: str = "{}:{}"
    parts: tuple[Origin, ...] = ()
    """Of several files that are read as one: theirs; a number is then the file's place, times EACH, and the number in it."""

    def where(self, number: int) -> str:
        """`corpus.jsonl:3`, `corpus.parquet: row 3`, `queries[3]`."""
        origin, row_number = self.locate(number)
        return origin.spot.format(origin.name, row_number)

    def locate(self, number: int) -> tuple[Origin, int]:
        """The file that holds a row, and the row's number in it."""
        file_number, row_number = divmod(number, FILE_STRIDE)
        return (self.parts[file_number] if self.parts else self), row_number


class Rejects:
    """What is done with wrong rows; `count` is how many there were."""

    def __init__(self, folder: Path, on_error: OnError) -> None:
        self.count = 0
        self._skip = on_error == "skip"
        self._path = folder / FILE_NAME
        self._path.unlink(missing_ok=True)
        self._file: IO[bytes] | None = None

    def add(self, origin: Origin, number: int, reason: str, row: object) -> None:
        """Raise InputError, or note the row and go on."""
        if not self._skip:
            raise InputError(reason, origin.where(number))
        self.count += 1
        self._file = self._file or self._path.open("wb")
        origin, number = origin.locate(number)
        note = {"file": _utf8(origin.name), "line": number, "reason": _utf8(reason), "row": excerpt(row)}
        self._file.write(orjson.dumps(note) + b"\n")

    def add_read(self, origin: Origin, numbers: Sequence[int], reason: Callable[[int], str], reread: Reread) -> None:
        """The same for rows that were read already and turn out wrong: each as it stands, for which they are read once more.

        numbers: ascending, without repeats. reason: of the i-th of them. again: nothing where what was read can be read only once.
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
    """The start of a row, as text that can always be written."""
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

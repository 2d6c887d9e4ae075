"""Rows in: any kind of file we write, each row with its place. Streams: memory holds one batch, or one line."""

from __future__ import annotations

import csv
import gzip
import io
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import ijson
import orjson
import pyarrow as pa

from miner.errors import InputError, StorageError
from miner.formats.row_checks import Fault, Row, stop
from miner.io import arrow_files
from miner.io.atomic import storing
from miner.io.file_kinds import kind_read
from miner.support.json_keys import key_fault

MARK = b"\xef\xbb\xbf"
"""The byte order mark of UTF-8, which some programs put before a text."""

NUMBERS = ("label", "score", "rank", "tier")
"""Columns of a table that hold numbers."""

REST, LONGEST = "\0", (1 << 31) - 1
"""Where cells beyond the columns go; the longest cell."""


def read_rows(path: str | Path) -> Iterator[dict[str, Any]]:
    """The rows of any kind of file we write; "-" is standard input. InputError names file and line."""
    return (dict(row.values) for row in placed_rows(path))


def placed_rows(path: str | Path, on_fault: Fault = stop, *, names: Sequence[str] = (), inside: str = "item") -> Iterator[Row]:
    """The same, each with its place; a line that is no row goes to `on_fault`.

    names: the columns of rows that are bare lists or cells; without, the first line of a .tsv names them.
    inside: where the rows of a .json file are, in the words of ijson: "item" of a list, or "data.item".
    """
    kind = kind_read(path)
    if kind == ".parquet" or kind == "folder":
        rows = arrow_files.read_parquet(Path(path)) if kind == ".parquet" else arrow_files.read_folder(Path(path))
    elif kind == ".json" and (inside != "item" or _begins(path) == b"["):
        rows = _json_items(Path(path), inside)
    elif kind == ".csv":
        yield from _table(path, on_fault)
        return
    else:
        yield from _lines(path, kind, on_fault, names)
        return
    for number, row in enumerate(rows, start=1):
        yield Row(row, f"{path}: row {number}")


def _lines(path: str | Path, kind: str, on_fault: Fault, names: Sequence[str]) -> Iterator[Row]:
    parse = {".tsv": _cells, ".trec": _words}.get(kind, _object)
    with storing(path, "read"), _open(path, kind) as lines:
        try:
            for number, text in enumerate(lines, start=1):
                line = text.removeprefix(MARK) if number == 1 else text
                if kind == ".tsv" and not names:
                    names = _text(line, f"{path}:{number}").split("\t")
                elif line.strip():
                    try:
                        row = Row(parse(line, f"{path}:{number}", names), f"{path}:{number}")
                    except InputError as fault:
                        on_fault(fault)
                        continue
                    yield row
        except (EOFError, zlib.error, OSError) as error:
            if isinstance(error, OSError) and error.strerror:  # the disk's, not what is packed
                raise
            raise StorageError(f"cannot read {path}: the compressed data is broken, or ends too early") from error


def _table(path: str | Path, on_fault: Fault) -> Iterator[Row]:
    """A table with its columns named in its first line, as spreadsheets quote it."""
    csv.field_size_limit(LONGEST)
    with storing(path, "read"), Path(path).open(encoding="utf-8-sig", newline="") as file:
        lines = csv.DictReader(file, restkey=REST, strict=True)
        try:
            for cells in lines:
                where = f"{path}:{lines.line_num}"
                if more := cells.pop(REST, None):
                    width = len(lines.fieldnames or ())
                    on_fault(InputError(f"{width + len(more)} values where there are {width} columns", where))
                    continue
                yield in_numbers(Row(cells, where))
        except (csv.Error, UnicodeDecodeError) as error:
            raise InputError(f"this is not CSV in UTF-8: {error}, after line {lines.line_num}", str(path)) from None


def in_numbers(row: Row) -> Row:
    """A row of a table, with scores and labels as numbers where they look so."""
    return Row({name: _cell(name, cell) for name, cell in row.values.items()}, row.where)


def _cell(name: str, cell: str | None) -> Any:
    if name in NUMBERS and cell:
        with suppress(ValueError):
            return int(cell) if cell.isdecimal() else float(cell)
    return cell


def is_marked(path: str | Path) -> bool:
    """Whether a file of text begins with a byte order mark."""
    kind = kind_read(path)
    if kind in (".parquet", "folder", "-"):
        return False
    with storing(path, "read"), _open(path, kind) as file:
        return file.read(len(MARK)) == MARK


def _json_items(path: Path, inside: str) -> Iterator[dict[str, Any]]:
    with storing(path, "read"), path.open("rb") as file:
        if file.read(len(MARK)) != MARK:
            file.seek(0)
        try:
            for number, row in enumerate(ijson.items(file, inside, use_float=True), start=1):
                if not isinstance(row, dict):
                    raise InputError("each row is one JSON object, with names", f"{path}: row {number}")
                yield row
        except ijson.JSONError as error:
            raise InputError(f"this is not JSON: {str(error).splitlines()[0]}", str(path)) from None


def _begins(path: str | Path) -> bytes:
    with storing(path, "read"), Path(path).open("rb") as file:
        return file.read(1024).removeprefix(MARK).lstrip()[:1]


def _open(path: str | Path, kind: str) -> io.BufferedIOBase:
    if kind == "-":
        return io.BufferedReader(io.FileIO(sys.stdin.fileno(), closefd=False))
    if kind.endswith(".gz"):
        return gzip.open(path)
    if kind.endswith(".zst"):
        # Not zstandard's reader, which takes a stream that was cut off for a whole one.
        return io.BufferedReader(pa.CompressedInputStream(pa.OSFile(str(path)), "zstd"))
    return Path(path).open("rb")


def _object(line: bytes, where: str, names: Sequence[str]) -> dict[str, Any]:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        named = [word for word in (b"NaN", b"Infinity") if word in line]
        raise InputError(f"this is not JSON: {error.msg}" + (f" ({named[0].decode()} is no JSON number)" if named else ""), where) from None
    if names and isinstance(row, list):
        return _named(row, names, where)
    if not isinstance(row, dict):
        raise InputError("each line is one JSON object, with names", where)
    if fault := key_fault(line, row):
        raise InputError(fault, where)
    return row


def _cells(line: bytes, where: str, names: Sequence[str]) -> dict[str, Any]:
    return _named(_text(line, where).split("\t"), names, where)


def _words(line: bytes, where: str, names: Sequence[str]) -> dict[str, Any]:
    return _named(_text(line, where).split(), names, where)


def _named(cells: Sequence[Any], names: Sequence[str], where: str) -> dict[str, Any]:
    """Cells under their names; the last ones may be missing."""
    if len(cells) > len(names):
        raise InputError(f"{len(cells)} values where there are {len(names)} columns: {', '.join(names)}", where)
    return dict(zip(names, cells, strict=False))


def _text(line: bytes, where: str) -> str:
    try:
        return line.decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise InputError(f"invalid UTF-8 at byte {error.start + 1}", where) from None

"""Readers of training files: any kind of file that this package writes, each row with its location. Memory holds one batch, or one line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import ijson
import orjson

from miner.errors import InputError, StorageError
from miner.formats.row_checks import OnFault, ParsedRow, raise_fault
from miner.formats.row_format import JsonRow
from miner.io import arrow_files
from miner.io.atomic import storing
from miner.io.file_kinds import kind_read
from miner.io.input_files import BROKEN, decompressed, open_decompressed
from miner.io.standard_input import STANDARD_INPUT, standard_input
from miner.io.text_encoding import encoding_of
from miner.support.csv_dialect import delimiter_of
from miner.support.json_depth import ShallowJson, TooDeepError, depth_fault, stream_fault
from miner.support.json_keys import key_fault
from miner.support.name_list import listed
from miner.support.utf8 import REMEDY, fault_in, utf8_fault

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""The byte order mark of UTF-8, which some programs write at the start of a file."""

NUMBERS = ("label", "score", "rank", "tier")
"""Columns of a table that contain numbers."""

JSON_KINDS = (".json", ".jsonl", ".ndjson")

SEVERAL_LINES = "a JSON object over several lines, where one a line is expected; write them so: `jq -c . OLD > NEW`"
EXTRA_CELLS, MAX_CELL_CHARS = "\0", (1 << 31) - 1
"""The key of cells beyond the columns; the longest cell."""


def read_rows(path: str | Path) -> Iterator[JsonRow]:
    """Yield the rows of any kind of file; "-" is standard input. InputError names file and line."""
    return (dict(row.values) for row in rows_with_places(path))


def rows_with_places(
    path: str | Path, on_fault: OnFault = raise_fault, *, names: Sequence[str] = (), inside: str = "item"
) -> Iterator[ParsedRow]:
    """Yield the rows with their locations; an invalid line goes to `on_fault`.

    names: the columns of rows that are lists or cells; by default the first line of a .tsv is the header.
    inside: ijson path of the rows in a .json file: "item" of a list, or "data.item".
    """
    if str(path) == STANDARD_INPUT:
        yield from _standard_input_rows(on_fault, names, inside)
        return
    kind = kind_read(path)
    if kind == ".parquet" or kind == "folder":
        rows = arrow_files.read_parquet(Path(path)) if kind == ".parquet" else arrow_files.read_folder(Path(path))
    elif kind in JSON_KINDS and (inside != "item" or (not names and _is_list(path, kind))):
        rows = _json_items(Path(path), inside)
    elif kind == ".csv":
        yield from _table(path, on_fault)
        return
    else:
        yield from _lines(path, kind, on_fault, names)
        return
    for number, row in enumerate(rows, start=1):
        yield ParsedRow(row, f"{path}: row {number}")


def _standard_input_rows(on_fault: OnFault, names: Sequence[str], inside: str) -> Iterator[ParsedRow]:
    """Yield the rows of standard input, which is kept as a file of its kind: it may be read again. Its places are those of `-`."""
    path = standard_input()

    def renamed(fault: InputError) -> InputError:
        text = fault.with_flags.removeprefix(f"{fault.where}: ").replace(str(path), STANDARD_INPUT)
        return InputError(text, fault.where and fault.where.replace(str(path), STANDARD_INPUT, 1))

    rows = rows_with_places(path, lambda fault: on_fault(renamed(fault)), names=names, inside=inside)
    try:
        for row in map(parse_numbers, rows) if path.name.startswith("input.tsv") else rows:
            yield replace(row, where=row.where.replace(str(path), STANDARD_INPUT, 1))
    except InputError as fault:
        raise renamed(fault) from None


def _lines(path: str | Path, kind: str, on_fault: OnFault, names: Sequence[str]) -> Iterator[ParsedRow]:
    parse = {".tsv": _cells, ".trec": _words}.get(kind, _object)
    with storing(path, "read"), _broken(path), open_decompressed(path) as lines:
        for number, text in enumerate(lines, start=1):
            line = text.removeprefix(BYTE_ORDER_MARK) if number == 1 else text
            if kind == ".tsv" and not names:
                names = _text(line, f"{path}:{number}").split("\t")
            elif line.strip():
                try:
                    row = ParsedRow(parse(line, f"{path}:{number}", names), f"{path}:{number}")
                except InputError as fault:
                    on_fault(fault)
                    continue
                yield row


@contextmanager
def _broken(path: str | Path) -> Iterator[None]:
    """Turn errors of damaged data into a StorageError."""
    try:
        yield
    except BROKEN as error:
        if isinstance(error, OSError) and error.strerror:  # an error of the disk, not of the compressed data
            raise
        raise StorageError(f"cannot read {path}: the compressed data is broken, or ends too early") from error


def _table(path: str | Path, on_fault: OnFault) -> Iterator[ParsedRow]:
    """Read a CSV file with a header."""
    csv.field_size_limit(MAX_CELL_CHARS)
    with storing(path, "read"), _broken(path), io.TextIOWrapper(open_decompressed(path), encoding="utf-8-sig", newline="") as file:
        number = 0
        try:
            delimiter, is_directive = delimiter_of(first := file.readline())
            lines = csv.DictReader(file if is_directive else chain([first], file), restkey=EXTRA_CELLS, strict=True, delimiter=delimiter)
            for cells in lines:
                number = lines.line_num
                where = f"{path}:{number + is_directive}"
                if extra_cells := cells.pop(EXTRA_CELLS, None):
                    width = len(lines.fieldnames or ())
                    on_fault(InputError(f"{width + len(extra_cells)} values where there are {width} columns", where))
                    continue
                yield parse_numbers(ParsedRow(cells, where))
        except UnicodeDecodeError:
            raise InputError(f"invalid UTF-8, after line {number}; {REMEDY}", str(path)) from None
        except csv.Error as error:
            raise InputError(f"this is not CSV: {error}, after line {number}", str(path)) from None


def parse_numbers(row: ParsedRow) -> ParsedRow:
    """Return a row of a table with its scores and labels as numbers, where they are numbers."""
    return ParsedRow({name: _cell(name, cell) for name, cell in row.values.items()}, row.where)


def _cell(name: str, cell: str | None) -> Any:
    if name in NUMBERS and cell:
        with suppress(ValueError):
            return int(cell) if cell.isdecimal() else float(cell)
    return cell


def has_byte_order_mark(path: str | Path) -> bool:
    """Return whether a text file begins with a byte order mark."""
    kind = kind_read(path)
    return kind not in (".parquet", "folder") and _starts_with_mark(standard_input() if kind == STANDARD_INPUT else path)


def _starts_with_mark(path: str | Path) -> bool:
    with storing(path, "read"), _broken(path), decompressed(path) as file:
        start = file.read(len(BYTE_ORDER_MARK))
    return start == BYTE_ORDER_MARK or encoding_of(start) is not None


def _json_items(path: Path, inside: str) -> Iterator[JsonRow]:
    with storing(path, "read"), _broken(path), open_decompressed(path) as file:
        if file.peek(len(BYTE_ORDER_MARK))[: len(BYTE_ORDER_MARK)] == BYTE_ORDER_MARK:
            file.read(len(BYTE_ORDER_MARK))
        number = 0
        try:
            for number, row in enumerate(ijson.items(ShallowJson(file), inside, use_float=True), start=1):
                if not isinstance(row, dict):
                    raise InputError("each row is one JSON object, with names", f"{path}: row {number}")
                yield row
        except TooDeepError as error:
            raise InputError(f"{error}, after row {number}", str(path)) from None
        except ijson.JSONError as error:
            raise InputError(stream_fault(error, number), str(path)) from None


def _is_list(path: str | Path, kind: str) -> bool:
    """Return whether the file is a JSON list; a file of JSON lines only where objects are in it."""
    with storing(path, "read"), _broken(path), open_decompressed(path) as file:
        start = file.read(1024).removeprefix(BYTE_ORDER_MARK).lstrip()
    return start[:1] == b"[" and (kind == ".json" or start[1:].lstrip()[:1] == b"{")


def _object(line: bytes, where: str, names: Sequence[str]) -> JsonRow:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        if fault := fault_in(line) or depth_fault(line) or (SEVERAL_LINES if line.strip() in (b"{", b"[") else None):
            raise InputError(fault, where) from None
        constants = [word for word in (b"NaN", b"Infinity") if word in line]
        raise InputError(
            f"this is not JSON: {error.msg}" + (f" ({constants[0].decode()} is no JSON number)" if constants else ""), where
        ) from None
    if names and isinstance(row, list):
        return _with_names(row, names, where)
    if not isinstance(row, dict):
        raise InputError("each line is one JSON object, with names", where)
    if fault := key_fault(line, row):
        raise InputError(fault, where)
    return row


def _cells(line: bytes, where: str, names: Sequence[str]) -> JsonRow:
    return _with_names(_text(line, where).split("\t"), names, where)


def _words(line: bytes, where: str, names: Sequence[str]) -> JsonRow:
    return _with_names(_text(line, where).split(), names, where)


def _with_names(cells: Sequence[Any], names: Sequence[str], where: str) -> JsonRow:
    """Map cells to their names; the last cells may be missing."""
    if len(cells) > len(names):
        raise InputError(f"{len(cells)} values where there are {len(names)} columns: {listed(names)}", where)
    return dict(zip(names, cells, strict=False))


def _text(line: bytes, where: str) -> str:
    try:
        return line.decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise InputError(utf8_fault(error), where) from None

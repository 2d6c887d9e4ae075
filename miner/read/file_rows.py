"""Rows of any file: JSON lines, CSV, TSV (each plain or compressed), Parquet, saved `datasets` folders, hub datasets.

Rows are streamed: memory does not depend on the size of the file. Owns how rows are read and numbered, not their content.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Protocol, TypeVar

import orjson
import pyarrow as pa

from miner.errors import InputError
from miner.io.file_kinds import COMPRESSIONS, advice_for
from miner.io.input_files import InputHashes, existing_path, hash_file, read_start
from miner.io.standard_input import STANDARD_INPUT
from miner.read.delimited import Headerless, csv_rows, has_header, tsv_rows
from miner.read.json_shapes import table_fault
from miner.read.lines import BOM, NumberedRows, Row, decode_line, lines, raw_lines
from miner.read.lists import is_list, items, list_rows
from miner.read.rejects import FILE_STRIDE, BadRow, Origin, Rejects, Reread
from miner.read.shards import shards
from miner.support.json_depth import depth_fault
from miner.support.json_keys import key_fault

T = TypeVar("T")
BATCH_ROWS = 1024
COLON = ord(":")
JSON_KINDS = (".jsonl", ".ndjson", ".json")
READABLE_KINDS = (
    "JSON lines (.jsonl, .ndjson, .json), .csv, .tsv, each also with .gz, .zst, .bz2 or .xz, .parquet, a saved datasets folder, or hf:name"
)


@dataclass(frozen=True)
class RowStream:
    """The rows of a file.

    numbered: (number, row), where the number is that of the line or row, from 1.
    reread: function that yields the raw rows again.
    parts: the rows of each file, where several are read as one.
    """

    origin: Origin
    numbered: Iterable[tuple[int, Row]]
    reread: Reread
    parts: tuple[RowStream, ...] = ()

    @property
    def files(self) -> tuple[RowStream, ...]:
        """The rows of each file; their numbers are those of the whole."""
        return self.parts or (self,)


class RowSource(Protocol):
    """Rows that lie in no file."""

    def open(self, rejects: Rejects) -> RowStream:
        """Return the rows; invalid ones go to `rejects`."""
        ...


Location = str | RowSource
OpenFolder = Callable[[str, InputHashes], RowStream | None]


def open_rows(
    location: Location | Sequence[Location],
    rejects: Rejects,
    inputs: InputHashes,
    headerless: Headerless = has_header,
    folder: OpenFolder = lambda location, inputs: None,
) -> RowStream:
    """Open files, folders or hub datasets as one sequence of rows.

    location: one file, folder, hub name or object in memory, or several.
    rejects: receives invalid lines.
    inputs: receives the size and hash of each file.
    headerless: function that returns the column names of a .tsv without a header from its first line, none where that is the header.
    folder: function that opens a folder of a special format, or returns None.
    """
    parts: list[RowStream] = []
    for item in location if isinstance(location, Sequence) and not isinstance(location, str) else [location]:
        if not isinstance(item, str):
            parts.append(item.open(rejects))
            continue
        folder_rows = folder(item, inputs)
        parts += [folder_rows] if folder_rows else [_open_file(name, rejects, inputs, headerless) for name in shards(item)]
    return parts[0] if len(parts) == 1 else _concatenate(parts)


def _concatenate(files: Sequence[RowStream]) -> RowStream:
    """Concatenate several files: the numbers of each begin at its position times FILE_STRIDE."""
    parts = tuple(RowStream(rows.origin, _shift_numbers(file_number, rows.numbered), rows.reread) for file_number, rows in enumerate(files))
    first_name, further = files[0].origin.name, len(files) - 1
    origin = Origin(f"{first_name} and {further} more file{'s'[: further > 1]}", parts=tuple(rows.origin for rows in files))

    def reread() -> Iterator[tuple[int, object]]:
        return chain.from_iterable(_shift_numbers(file_number, rows.reread()) for file_number, rows in enumerate(files))

    return RowStream(origin, chain.from_iterable(rows.numbered for rows in parts), reread, parts)


def _shift_numbers(file_number: int, numbered: Iterable[tuple[int, T]]) -> Iterator[tuple[int, T]]:
    return ((file_number * FILE_STRIDE + number, row) for number, row in numbered)


def _open_file(location: str, rejects: Rejects, inputs: InputHashes, headerless: Headerless) -> RowStream:
    suffix = suffix_of(location)
    read_batches = _batch_reader(location, suffix)
    if read_batches:
        origin = Origin(location, "{}: row {}")
        return RowStream(
            origin, _rows_of_batches(read_batches(location, inputs), origin, rejects), lambda: _number_rows(read_batches(location, {}))
        )
    if suffix not in TEXT_KINDS:
        raise InputError(_unknown_kind(location, suffix))
    if suffix in JSON_KINDS and is_list(location, suffix):
        return RowStream(Origin(location, "{}: row {}"), list_rows(location, rejects, inputs), partial(items, location))
    if suffix == ".tsv":
        return RowStream(Origin(location), tsv_rows(location, rejects, inputs, headerless), partial(raw_lines, location))
    return RowStream(Origin(location), TEXT_KINDS[suffix](location, rejects, inputs), partial(raw_lines, location))


def _batch_reader(location: str, suffix: str) -> Callable[[str, InputHashes], Iterable[Any]] | None:
    """Return the function that reads `location` as Arrow batches; None for a text file."""
    if not location.startswith("hf:") and not Path(location).is_dir():
        return _parquet if suffix == ".parquet" else None
    from miner.read.hub import open_hub, open_saved

    return open_hub if location.startswith("hf:") else open_saved


def _unknown_kind(location: str, suffix: str) -> str:
    advice = advice_for(suffix)
    readable = f"{advice}; " if advice else ""
    return f"{location} is of an unknown kind '{suffix}'; {readable}read are: {READABLE_KINDS}"


def suffix_of(location: str) -> str:
    """Return the suffix of a file, without that of its compression."""
    path = existing_path(location) if location == STANDARD_INPUT else Path(location)
    return (path.with_suffix("") if path.suffix.lower() in COMPRESSIONS else path).suffix.lower()


def _json_rows(location: str, rejects: Rejects, inputs: InputHashes) -> NumberedRows:
    for number, line in lines(location, rejects, inputs):
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            _check_shape(location, number, line, is_single=line.rstrip()[-1:] in (b"{", b"["))
            rejects.add(Origin(location), number, _json_fault(line, error), line)
            continue
        if type(row) is not dict:
            rejects.add(Origin(location), number, f"a {type(row).__name__} where one JSON object per line is expected", line)
        # Most lines have as many colons as keys, and then no key is duplicate: counting colons is cheap.
        elif fault := key_fault(line, row) if line.count(COLON) != len(row) else depth_fault(line):
            rejects.add(Origin(location), number, fault, line)
        else:
            if number == 1 and all(isinstance(value, dict | list) for value in row.values()):
                _check_shape(location, number, line, is_single=len(row) == 1)
            yield number, row


def _check_shape(location: str, number: int, line: bytes, *, is_single: bool) -> None:
    """Raise InputError where the first line begins an object that is not one row, but a whole table, or goes on in further lines.

    is_single: whether the object has one key.
    """
    if number != 1 or line[:1] != b"{":
        return
    if fault := table_fault(read_start(location).removeprefix(BOM), is_single=is_single):
        raise InputError(fault, location)
    if line.strip() == b"{":
        raise InputError("a JSON object over several lines, where one a line is expected; write them so: `jq -c . OLD > NEW`", location)


def _json_fault(line: bytes, error: orjson.JSONDecodeError) -> str:
    if fault := depth_fault(line):
        return fault
    try:
        text = decode_line(line)
        json.loads(text)
    except BadRow as bad_row:
        return str(bad_row)
    except (ValueError, RecursionError):
        if not line.endswith(b"\n"):
            return "the last line is torn: it ends in the middle of a JSON object"
        if text.startswith("["):
            return "a JSON list where one JSON object per line is expected"
        table = "; is this CSV or TSV? call it .csv or .tsv" if "{" not in text and ("," in text or "\t" in text) else ""
        return f"invalid JSON: {error.msg} (column {error.colno}){table}"
    # Python's own parser is more lenient than JSON: it accepts NaN, Infinity and lone surrogates.
    return "a lone surrogate, which is no character" if "surrogate" in error.msg else "NaN or Infinity, which JSON does not have"


def _parquet(location: str, inputs: InputHashes) -> Iterator[pa.RecordBatch]:
    from miner.io.parquet_files import open_parquet

    path = existing_path(location)
    inputs[location] = hash_file(path)
    try:
        yield from open_parquet(path).iter_batches(batch_size=BATCH_ROWS)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"cannot be read as Parquet: {str(error).splitlines()[0]}", location) from None


def _rows_of_batches(batches: Iterable[Any], origin: Origin, rejects: Rejects) -> NumberedRows:
    for number, row in _number_rows(batches):
        if row is None:
            rejects.add(origin, number, "invalid UTF-8", "")
        else:
            yield number, row


def _number_rows(batches: Iterable[Any]) -> Iterator[tuple[int, Row | None]]:
    """Number the rows; a row with invalid UTF-8 is None."""
    number = 0
    for batch in batches:
        try:
            rows = batch.to_pylist()
        except UnicodeDecodeError:
            rows = [_single_row(batch, i) for i in range(batch.num_rows)]
        for row in rows:
            number += 1
            yield number, row


def _single_row(batch: Any, i: int) -> Row | None:
    try:
        row: Row = batch.slice(i, 1).to_pylist()[0]
    except UnicodeDecodeError:
        return None
    return row


TEXT_KINDS: dict[str, Callable[[str, Rejects, InputHashes], NumberedRows]] = {
    ".jsonl": _json_rows,
    ".ndjson": _json_rows,
    ".json": _json_rows,
    ".csv": csv_rows,
    ".tsv": tsv_rows,
}

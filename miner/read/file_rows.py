"""Any file as rows: JSON lines, CSV, TSV (each plain, .gz or .zst), Parquet, saved `datasets` folders, hub datasets.

Streams: memory does not depend on the size of the file. Owns how a row is found and named, not what is in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import orjson
import pyarrow as pa

from miner.errors import InputError
from miner.io.input_files import PACKED, InputHashes, hashed, must_exist
from miner.read.delimited import csv_rows, tsv_rows
from miner.read.lines import Numbered, Row, decoded, lines, standing
from miner.read.lists import is_list, items, list_rows
from miner.read.rejects import EACH, Again, BadRow, Origin, Rejects
from miner.read.shards import shards
from miner.support.json_keys import key_fault

T = TypeVar("T")
BATCH = 1024
COLON = ord(":")
READ = "JSON lines (.jsonl, .ndjson, .json), .csv, .tsv, each also with .gz or .zst, .parquet, a saved datasets folder, or hf:name"


@dataclass(frozen=True)
class Rows:
    """Rows of one file, each with its number (line or row, from 1); again: the same once more, as they stand."""

    origin: Origin
    numbered: Iterable[tuple[int, Row]]
    again: Again
    parts: tuple[Rows, ...] = ()

    @property
    def files(self) -> tuple[Rows, ...]:
        """Each file by itself, where there are several; their numbers are those of the whole."""
        return self.parts or (self,)


OpenFolder = Callable[[str, InputHashes], Rows | None]


def open_rows(
    given: str | Sequence[str],
    rejects: Rejects,
    inputs: InputHashes,
    bare: Sequence[str] = (),
    folder: OpenFolder = lambda given, inputs: None,
) -> Rows:
    """Rows of the files, folders or hub datasets `given`, as if they were one; wrong lines go to `rejects`, size and hash to `inputs`.

    bare: what the cells of a .tsv are whose first line is no header but an id and a text. folder: opens folders of a kind of their own.
    """
    opened: list[Rows] = []
    for each in [given] if isinstance(given, str) else given:
        whole = folder(each, inputs)
        opened += [whole] if whole else [_open_one(name, rejects, inputs, bare) for name in shards(each)]
    return opened[0] if len(opened) == 1 else _joined(opened)


def _joined(opened: Sequence[Rows]) -> Rows:
    """Several files as one: the numbers of each begin at its place times EACH."""
    parts = tuple(Rows(rows.origin, _moved(place, rows.numbered), rows.again) for place, rows in enumerate(opened))
    first, more = opened[0].origin.name, len(opened) - 1
    origin = Origin(f"{first} and {more} more file{'s'[: more > 1]}", parts=tuple(rows.origin for rows in opened))

    def again() -> Iterator[tuple[int, object]]:
        return chain.from_iterable(_moved(place, rows.again()) for place, rows in enumerate(opened))

    return Rows(origin, chain.from_iterable(rows.numbered for rows in parts), again, parts)


def _moved(place: int, numbered: Iterable[tuple[int, T]]) -> Iterator[tuple[int, T]]:
    return ((place * EACH + number, row) for number, row in numbered)


def _open_one(given: str, rejects: Rejects, inputs: InputHashes, bare: Sequence[str]) -> Rows:
    suffix = kind_of(given)
    read = _table(given, suffix)
    if read:
        origin = Origin(given, "{}: row {}")
        return Rows(origin, _of_batches(read(given, inputs), origin, rejects), lambda: _counted(read(given, {})))
    if suffix not in TEXT_KINDS:
        raise InputError(f"{given} is of an unknown kind '{suffix}'; read are: {READ}")
    if suffix == ".json" and is_list(given):
        return Rows(Origin(given, "{}: row {}"), list_rows(given, rejects, inputs), partial(items, given))
    if suffix == ".tsv":
        return Rows(Origin(given), tsv_rows(given, rejects, inputs, bare), partial(standing, given))
    return Rows(Origin(given), TEXT_KINDS[suffix](given, rejects, inputs), partial(standing, given))


def _table(given: str, suffix: str) -> Callable[[str, InputHashes], Iterable[Any]] | None:
    """What reads `given` as Arrow batches, where it has columns."""
    if not given.startswith("hf:") and not Path(given).is_dir():
        return _parquet if suffix == ".parquet" else None
    from miner.read.hub import open_hub, open_saved

    return open_hub if given.startswith("hf:") else open_saved


def kind_of(given: str) -> str:
    """The suffix that says what is in the file, without .gz or .zst."""
    path = Path(given)
    return (path.with_suffix("") if path.suffix.lower() in PACKED else path).suffix.lower()


def _json_rows(given: str, rejects: Rejects, inputs: InputHashes) -> Numbered:
    for number, line in lines(given, rejects, inputs):
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            rejects.add(Origin(given), number, _json_fault(line, error), line)
            continue
        if type(row) is not dict:
            rejects.add(Origin(given), number, f"a {type(row).__name__} where one JSON object per line is expected", line)
        # Most lines have no more colons than keys, and then no key is there twice: to count them costs little.
        elif line.count(COLON) != len(row) and (fault := key_fault(line, row)):
            rejects.add(Origin(given), number, fault, line)
        else:
            yield number, row


def _json_fault(line: bytes, error: orjson.JSONDecodeError) -> str:
    try:
        text = decoded(line)
        json.loads(text)
    except BadRow as wrong:
        return str(wrong)
    except (ValueError, RecursionError):
        if not line.endswith(b"\n"):
            return "the last line is torn: it ends in the middle of a JSON object"
        if text.startswith("["):
            return "a JSON list where one JSON object per line is expected"
        return f"invalid JSON: {error.msg} (column {error.colno})"
    # Python's own reader is more lenient than the format: it takes numbers that are none, and halves of characters.
    return "a lone surrogate, which is no character" if "surrogate" in error.msg else "NaN or Infinity, which JSON does not have"


def _parquet(given: str, inputs: InputHashes) -> Iterator[pa.RecordBatch]:
    import pyarrow.parquet as pq

    path = must_exist(given)
    inputs[given] = hashed(path)
    try:
        yield from pq.ParquetFile(path).iter_batches(batch_size=BATCH)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"cannot be read as Parquet: {str(error).splitlines()[0]}", given) from None


def _of_batches(batches: Iterable[Any], origin: Origin, rejects: Rejects) -> Numbered:
    for number, row in _counted(batches):
        if row is None:
            rejects.add(origin, number, "invalid UTF-8", "")
        else:
            yield number, row


def _counted(batches: Iterable[Any]) -> Iterator[tuple[int, Row | None]]:
    """Every row with its number; None for one that is no UTF-8."""
    number = 0
    for batch in batches:
        try:
            rows = batch.to_pylist()
        except UnicodeDecodeError:
            rows = [_one(batch, i) for i in range(batch.num_rows)]
        for row in rows:
            number += 1
            yield number, row


def _one(batch: Any, i: int) -> Row | None:
    try:
        row: Row = batch.slice(i, 1).to_pylist()[0]
    except UnicodeDecodeError:
        return None
    return row


TEXT_KINDS: dict[str, Callable[[str, Rejects, InputHashes], Numbered]] = {
    ".jsonl": _json_rows,
    ".ndjson": _json_rows,
    ".json": _json_rows,
    ".csv": csv_rows,
    ".tsv": tsv_rows,
}

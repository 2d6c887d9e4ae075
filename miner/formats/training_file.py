"""Reader of any training file: it recognises the format by the columns, and every row becomes a TrainingRow with its location.

The linter, training and comparisons read files through it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import orjson

from miner.errors import ConfigError, InputError
from miner.formats.collection import LookupTables
from miner.formats.row_checks import OnFault, ParsedRow, raise_fault
from miner.formats.row_format import Format, JsonRow, Layout, TrainingRow
from miner.formats.row_readers import has_byte_order_mark, parse_numbers, rows_with_places
from miner.formats.table import FORMATS
from miner.io.atomic import storing
from miner.io.plain_files import read_bytes
from miner.support.name_list import header_hint, listed
from miner.support.unknown_names import unknown_name

PASSAGE_LISTS = ("ids", "scores", "ranks", "tiers")


def read_training(
    path: str | Path,
    format: str | None = None,  # noqa: A002 - the word
    *,
    on_fault: OnFault = raise_fault,
    repair: bool = False,
) -> Iterator[TrainingRow]:
    """Yield the rows of a training file, a format's folder, or a run folder, in their order; memory holds one at a time.

    format: one of FORMATS; by default it is recognised by the files of the folder, or the columns of the first row.
    on_fault: called with the InputError of an invalid row, which is then skipped; by default it is raised.
    repair: read a wrong value with one possible meaning as that, and record it in the row.
    Raises ConfigError for an unknown format, InputError where no format is recognised, StorageError for an unreadable file.
    """
    location, run_format = _locate(path)
    name = format or run_format or _format_of_folder(location)
    layout = format_of_name(name).layout if name else None
    if name and layout:
        yield from _from_folder(_folder(location, layout), FORMATS[name], layout, on_fault, repair)
        return
    rows = rows_with_places(location if str(path) != "-" else "-", on_fault)
    rows = map(parse_numbers, rows) if location.suffix == ".tsv" else rows
    first = next(rows, None)
    if first is not None:
        shape = FORMATS[name or _format_of_row(first)]
        training_rows = _read_rows(shape.read, chain([first], rows), on_fault, repair)
        yield from _merge_runs(training_rows) if shape.runs else training_rows


def format_of_name(name: str) -> Format:
    """Return the format of that name; raise ConfigError when there is none."""
    if name not in FORMATS:
        raise ConfigError(unknown_name("format", name, FORMATS))
    return FORMATS[name]


def file_rows(path: Path, format: str) -> Iterator[JsonRow]:  # noqa: A002 - the word
    """Yield the rows of a training file as they are in the file; of a folder, those of its main file."""
    layout = FORMATS[format].layout
    rows = rows_with_places(path / layout.main, names=layout.names, inside=layout.inside) if layout else rows_with_places(path)
    return (dict(row.values) for row in rows)


def recognise(path: str | Path) -> str:
    """Return the name of the format of a training file, a format's folder or a run folder; raise InputError for an unknown one."""
    location, run_format = _locate(path)
    if name := run_format or _format_of_folder(location):
        return name
    first = next(rows_with_places(location), None)
    if first is None:
        raise InputError("it holds no rows, so there is no telling what format it has", str(path))
    return _format_of_row(first)


def files_with_byte_order_mark(path: str | Path, format: str) -> Iterator[str]:  # noqa: A002 - the word
    """Yield the files of a training file, or of a format's folder, that begin with a byte order mark."""
    location, _ = _locate(path)
    layout = FORMATS[format].layout
    names = (layout.main, *(table.file for table in layout.tables.values())) if layout else ()
    files = [_folder(location, layout) / name for name in names] if layout else [location]
    yield from (str(file) for file in files if (file.exists() or not layout) and has_byte_order_mark(file))


def _locate(path: str | Path) -> tuple[Path, str | None]:
    """Return the training file or folder, and its format where `path` is a run folder."""
    manifest = Path(path) / "manifest.json"
    if not manifest.is_file():
        return Path(path), None
    with storing(manifest, "read"):
        try:
            content = orjson.loads(read_bytes(manifest))
            return Path(path) / content["training_file"], content["config"]["output_format"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise InputError("this is not the manifest of a run", str(manifest)) from None


def _format_of_folder(location: Path) -> str | None:
    """Return the format whose files exist. location: their folder, or the main file."""
    for name, shape in FORMATS.items():
        if shape.layout:
            files = (shape.layout.main, *(table.file for table in shape.layout.tables.values() if table.is_required))
            if all((_folder(location, shape.layout) / file).is_file() for file in files):
                return name
    return None


def _folder(location: Path, layout: Layout) -> Path:
    """Return the folder of a layout: `location` itself, or the folder of the main file."""
    main = Path(layout.main)
    return location.parents[len(main.parts) - 1] if location.parts[-len(main.parts) :] == main.parts else location


def _from_folder(folder: Path, shape: Format, layout: Layout, on_fault: OnFault, repair: bool) -> Iterator[TrainingRow]:
    rows = rows_with_places(folder / layout.main, on_fault, names=layout.names, inside=layout.inside)
    with LookupTables(folder, layout) as tables:
        training_rows = _read_rows(lambda row: shape.read(row, tables), rows, on_fault, repair)
        yield from _merge_runs(training_rows) if shape.runs else training_rows


def _format_of_row(row: ParsedRow) -> str:
    names = [name for name, shape in FORMATS.items() if shape.matches(row.values)]
    if not names:
        fault = f"no training format has the columns {listed(row.values)}"
        raise InputError(fault + (header_hint(row.where, row.values) or f"; say which it is: {', '.join(FORMATS)}"), row.where)
    return names[-1]


def _read_rows(read: Any, rows: Iterable[ParsedRow], on_fault: OnFault, repair: bool) -> Iterator[TrainingRow]:
    for row in rows:
        try:
            training_row: TrainingRow = read(replace(row, repairs=[]) if repair else row)
        except InputError as fault:
            on_fault(fault)
            continue
        yield training_row


def _merge_runs(rows: Iterable[TrainingRow]) -> Iterator[TrainingRow]:
    """Merge consecutive rows of one query; a list that is missing in one of them is dropped."""
    block: list[TrainingRow] = []
    for row in rows:
        if block and (row.query, row.query_id) != (block[0].query, block[0].query_id):
            yield _merge(block)
            block = []
        block.append(row)
    if block:
        yield _merge(block)


def _merge(block: list[TrainingRow]) -> TrainingRow:
    def concatenate(name: str) -> tuple[Any, ...]:
        return tuple(chain.from_iterable(getattr(row, name) for row in block))

    lists = {name: concatenate(name) for name in PASSAGE_LISTS}
    fields: dict[str, Any] = {name: values if len(values) == len(block) else () for name, values in lists.items()}
    fields |= {name: concatenate(name) for name in ("passages", "labels", "repairs")}
    return replace(block[0], columns=tuple(dict.fromkeys(concatenate("columns"))), **fields)

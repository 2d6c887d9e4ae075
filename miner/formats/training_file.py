"""Any training file in: the shape is recognised from the columns, every row becomes a TrainingRow with its place.

What a linter, a trainer or a comparison reads through, whoever wrote the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import orjson

from miner.errors import ConfigError, InputError
from miner.formats.collection import Beside
from miner.formats.row_checks import Fault, Row, stop
from miner.formats.row_format import Format, Layout, TrainingRow
from miner.formats.row_readers import in_numbers, is_marked, placed_rows
from miner.formats.table import FORMATS
from miner.io.atomic import storing

LISTS = ("ids", "scores", "ranks", "tiers")


def read_training(
    path: str | Path,
    format: str | None = None,  # noqa: A002 - the word
    *,
    on_fault: Fault = stop,
    repair: bool = False,
) -> Iterator[TrainingRow]:
    """The rows of a training file, a format's folder, or a run folder, in their order; memory holds one at a time.

    format: one of FORMATS; default: recognised from the files of the folder, or the columns of the first row. on_fault: called with the
    InputError of a row that cannot be used, which is then left out; default: raise it. repair: a wrong value that can mean one thing
    only is read as that, and noted in the row. ConfigError for an unknown format, InputError where no format is recognised,
    StorageError for an unreadable file.
    """
    place, made_as = _place_of(path)
    name = format or made_as or _folder_shape(place)
    layout = shape_named(name).layout if name else None
    if name and layout:
        yield from _from_folder(_folder(place, layout), FORMATS[name], layout, on_fault, repair)
        return
    rows = placed_rows(place if str(path) != "-" else "-", on_fault)
    rows = map(in_numbers, rows) if place.suffix == ".tsv" else rows
    first = next(rows, None)
    if first is not None:
        shape = FORMATS[name or _shape_of(first)]
        read = _each(shape.read, chain([first], rows), on_fault, repair)
        yield from _runs(read) if shape.runs else read


def shape_named(name: str) -> Format:
    """The format of that name; ConfigError when there is none."""
    if name not in FORMATS:
        raise ConfigError(f"there is no format '{name}'; there are: {', '.join(FORMATS)}")
    return FORMATS[name]


def file_rows(path: Path, format: str) -> Iterator[dict[str, Any]]:  # noqa: A002 - the word
    """The rows of a training file as they are written; of a folder, those of its main file."""
    layout = FORMATS[format].layout
    rows = placed_rows(path / layout.main, names=layout.names, inside=layout.inside) if layout else placed_rows(path)
    return (dict(row.values) for row in rows)


def recognise(path: str | Path) -> str:
    """The name of the format of a training file, a format's folder or a run folder; InputError when it is none that we know."""
    place, made_as = _place_of(path)
    if found := made_as or _folder_shape(place):
        return found
    first = next(placed_rows(place), None)
    if first is None:
        raise InputError("it holds no rows, so there is no telling what format it has", str(path))
    return _shape_of(first)


def marked_files(path: str | Path, format: str) -> Iterator[str]:  # noqa: A002 - the word
    """The files of a training file, or of a format's folder, that begin with a byte order mark."""
    place, _ = _place_of(path)
    layout = FORMATS[format].layout
    names = (layout.main, *(table.file for table in layout.tables.values())) if layout else ()
    files = [_folder(place, layout) / name for name in names] if layout else [place]
    yield from (str(file) for file in files if (file.exists() or not layout) and is_marked(file))


def _place_of(path: str | Path) -> tuple[Path, str | None]:
    """The training file or folder, and its format where it belongs to a run whose manifest says so."""
    manifest = Path(path) / "manifest.json"
    if not manifest.is_file():
        return Path(path), None
    with storing(manifest, "read"):
        try:
            told = orjson.loads(manifest.read_bytes())
            return Path(path) / told["training_file"], told["config"]["output_format"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise InputError("this is not the manifest of a run", str(manifest)) from None


def _folder_shape(place: Path) -> str | None:
    """The format whose files are there: `place` is their folder, or the main one of them."""
    for name, shape in FORMATS.items():
        if shape.layout:
            files = (shape.layout.main, *(table.file for table in shape.layout.tables.values() if table.needed))
            if all((_folder(place, shape.layout) / file).is_file() for file in files):
                return name
    return None


def _folder(place: Path, layout: Layout) -> Path:
    """The folder a layout's main file is in; a folder itself."""
    main = Path(layout.main)
    return place.parents[len(main.parts) - 1] if place.parts[-len(main.parts) :] == main.parts else place


def _from_folder(folder: Path, shape: Format, layout: Layout, on_fault: Fault, repair: bool) -> Iterator[TrainingRow]:
    rows = placed_rows(folder / layout.main, on_fault, names=layout.names, inside=layout.inside)
    with Beside(folder, layout) as beside:
        read = _each(lambda row: shape.read(row, beside), rows, on_fault, repair)
        yield from _runs(read) if shape.runs else read


def _shape_of(row: Row) -> str:
    known = [name for name, shape in FORMATS.items() if shape.knows(row.values)]
    if not known:
        raise InputError(f"no training format has the columns {', '.join(row.values)}; say which it is: {', '.join(FORMATS)}", row.where)
    return known[-1]


def _each(read: Any, rows: Iterable[Row], on_fault: Fault, repair: bool) -> Iterator[TrainingRow]:
    for row in rows:
        try:
            found: TrainingRow = read(replace(row, repairs=[]) if repair else row)
        except InputError as fault:
            on_fault(fault)
            continue
        yield found


def _runs(rows: Iterable[TrainingRow]) -> Iterator[TrainingRow]:
    """Rows of one query that follow each other, as one; a list that some of them lack is dropped."""
    block: list[TrainingRow] = []
    for row in rows:
        if block and (row.query, row.query_id) != (block[0].query, block[0].query_id):
            yield _one(block)
            block = []
        block.append(row)
    if block:
        yield _one(block)


def _one(block: list[TrainingRow]) -> TrainingRow:
    def joined(name: str) -> tuple[Any, ...]:
        return tuple(chain.from_iterable(getattr(row, name) for row in block))

    lists = {name: joined(name) for name in LISTS}
    complete: dict[str, Any] = {name: values for name, values in lists.items() if len(values) == len(block)}
    missing: dict[str, Any] = dict.fromkeys(lists.keys() - complete.keys(), ())
    texts: dict[str, Any] = {name: joined(name) for name in ("passages", "labels", "repairs")}
    return replace(block[0], **texts, columns=tuple(dict.fromkeys(joined("columns"))), **complete, **missing)

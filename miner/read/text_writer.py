"""Writer of texts: rows are streamed into an Arrow file, in batches of exactly BATCH_ROWS; duplicate ids are removed afterwards.

Memory: one batch, and 16 bytes per row (a 64-bit key of the id, and the number of its line).
"""

from __future__ import annotations

import logging
from array import array
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa

from miner.errors import InputError, StorageError
from miner.io.arrow_tables import create_arrow
from miner.io.folder_tree import rename
from miner.read.cells import clean_id, clean_text, clean_title, full_text, text_id
from miner.read.column_names import Fields, Roles, Slots
from miner.read.columns import Columns
from miner.read.file_rows import RowStream
from miner.read.ids import Keys, Lookup, as_keys, chunks, firsts, key
from miner.read.rejects import BadRow, Origin, Rejects
from miner.types import BATCH_ROWS, TEXTS_SCHEMA, Bools, Ints, Texts, join_title

log = logging.getLogger(__name__)

TextRow = tuple[str, str | None, str, str | None, str | None]
"""id, title, text, group, extra."""


class TextsWriter:
    """Writes rows one by one. keys: of the ids; numbers: of the rows in their file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._keys, self._numbers = array("Q"), array("q")
        self._rows: list[TextRow] = []
        self._exit = ExitStack()
        self._file = self._exit.enter_context(create_arrow(path, TEXTS_SCHEMA))

    def add(self, row: TextRow, number: int) -> None:
        """Add one row."""
        self._rows.append(row)
        self._keys.append(key(row[0]))
        self._numbers.append(number)
        if len(self._rows) == BATCH_ROWS:
            self._flush()

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def keys(self) -> Keys:
        """Shape (N,): the key of each row's id, once all rows are written."""
        return as_keys(self._keys)

    @property
    def numbers(self) -> Ints:
        """Shape (N,): the line or row number of each row, once all rows are written."""
        return np.frombuffer(self._numbers, dtype=np.int64) if self._numbers else np.empty(0, np.int64)

    def _flush(self) -> None:
        columns = [pa.array(values, type=pa.string()) for values in zip(*self._rows, strict=True)]
        write(self._file, pa.table(columns, schema=TEXTS_SCHEMA), self.path)
        self._rows.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._exit:
            if self._rows and error is None:
                self._flush()


@dataclass(frozen=True)
class StoredTexts:
    """Texts on disk, with their keys, their file and what each of its columns was read as.

    has_ids: whether every file has a column of ids; in the others an id follows from the text.
    """

    texts: Texts
    keys: Keys
    origin: Origin
    columns: Roles = field(default_factory=dict)
    has_ids: bool = True

    def by_id(self) -> Lookup:
        """Return a lookup of rows by id."""
        return Lookup(self.keys, self.texts.ids)


def read_texts(rows: RowStream, slots: Slots, fields: Fields, path: Path, rejects: Rejects) -> StoredTexts:
    """Read every valid row of a corpus or of queries, with unique ids. Each file has its own columns."""
    roles: dict[str, Mapping[str, str]] = {}
    has_ids = True
    with TextsWriter(path) as writer:
        for part in rows.files:
            columns = Columns(part.origin, slots, fields)
            _write_rows(part, columns, writer, rows.origin, rejects)
            roles[part.origin.name] = columns.roles()
            has_ids &= "id" in columns.bound
    if not len(writer):
        raise InputError(f"{rows.origin.name} holds no rows" + (" that can be used" if rejects.count else ""))
    texts, first = Texts(path), firsts(Texts(path), writer.keys)
    is_kept = first == np.arange(len(first))
    if is_kept.all():
        return StoredTexts(texts, writer.keys, rows.origin, roles, has_ids)
    repeated = np.flatnonzero(~is_kept)
    _reject_repeated(texts, repeated if has_ids else without_copies(texts, repeated), writer.numbers, first, rows, rejects)
    rewrite([(path, is_kept)], path)
    return StoredTexts(Texts(path), writer.keys[is_kept], rows.origin, roles, has_ids)


def _write_rows(part: RowStream, columns: Columns, writer: TextsWriter, origin: Origin, rejects: Rejects) -> None:
    parse = _passage if "title" in columns.names else _query
    has_ids: bool | None = None
    for number, row in part.numbered:
        values = columns(row)
        has_ids = "id" in columns.bound if has_ids is None else has_ids
        try:
            if not has_ids and "id" in columns.bound:
                raise BadRow(f"the first row has no '{columns.name('id')}'; every row has an id, or none has one")
            writer.add(parse(columns, values, row), number)
        except BadRow as error:
            rejects.add(origin, number, str(error), row)


def without_copies(texts: Texts, rows: Ints) -> Ints:
    """Return the rows whose id does not follow from their text; the others repeat a text and are counted in the log."""
    is_copy = [name == text_id(text) for part in chunks(rows) for name, text in zip(texts.ids(part), texts.texts(part), strict=True)]
    log.info("texts without ids that came more than once, each read once: %d", sum(is_copy))
    others: Ints = rows[~np.array(is_copy, dtype=bool)]
    return others


def rewrite(parts: Sequence[tuple[Path, Bools | None]], target: Path) -> None:
    """Write the selected rows of Arrow files to one file with full batches.

    parts: (file, mask of the rows to keep, or None for all).
    target: the output file, which may be one of the parts.
    """
    partial = target.with_name(target.name + ".part")
    pending = TEXTS_SCHEMA.empty_table()
    with create_arrow(partial, TEXTS_SCHEMA) as file:
        for path, is_kept in parts:
            for i, batch in enumerate(Texts(path).batches()):
                kept_rows = batch if is_kept is None else batch.filter(pa.array(is_kept[i * BATCH_ROWS : i * BATCH_ROWS + batch.num_rows]))
                pending = pa.concat_tables([pending, pa.Table.from_batches([kept_rows])])
                while len(pending) >= BATCH_ROWS:
                    write(file, pending.slice(0, BATCH_ROWS), target)
                    pending = pending.slice(BATCH_ROWS)
        if len(pending):
            write(file, pending, target)
    rename(partial, target)


def write(file: Any, table: pa.Table, path: Path) -> None:
    """Write a table as one record batch."""
    batches = table.combine_chunks().to_batches()
    if len(batches) != 1:
        raise InputError(f"{BATCH_ROWS} texts in a row hold more than 2 GiB; passages must be shorter than that")
    try:
        file.write_batch(batches[0])
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error}") from None


def _passage(columns: Columns, values: Mapping[str, Any], row: Mapping[str, Any]) -> TextRow:
    names = columns.names
    title = clean_title(values.get("title"), names["title"])
    text = clean_text(values.get("text"), names["text"])
    if not title and (not text or text.isspace()):
        raise BadRow("title and text are empty" if "title" in columns.bound else f"'{names['text']}' is empty")
    group = values.get("group")
    group = None if group is None or group == "" else clean_id(group, names["group"])
    name = clean_id(values.get("id"), names["id"]) if "id" in columns.bound else text_id(join_title(title, text))
    return name, title, text, group, columns.further(row)


def _query(columns: Columns, values: Mapping[str, Any], row: Mapping[str, Any]) -> TextRow:
    text = full_text(values.get("text"), columns.name("text"))
    return clean_id(values.get("id"), columns.name("id")), None, text, None, columns.further(row)


def _reject_repeated(texts: Texts, duplicates: Ints, numbers: Ints, first: Ints, rows: RowStream, rejects: Rejects) -> None:
    def reason(i: int) -> str:
        return f"duplicate id '{texts.ids([duplicates[i]])[0]}', first at {rows.origin.where(int(numbers[first[duplicates[i]]]))}"

    rejects.add_read(rows.origin, numbers[duplicates].tolist(), reason, rows.reread)

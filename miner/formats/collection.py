"""Texts by id: all queries and passages in the order of their ids, for writing, and lookup tables on disk, for reading."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from miner.formats.row_checks import ParsedRow
from miner.formats.row_format import Layout, LookupTable
from miner.formats.row_readers import rows_with_places
from miner.types import Texts, join_title

FETCH_ROWS = 1 << 16
"""Texts fetched at a time: on disk they are in another order."""


class Text(NamedTuple):
    """A query or passage. rank: its 0-based position in the order of ids."""

    rank: int
    id: str
    title: str
    body: str

    @property
    def text(self) -> str:
        """Title and body, joined as for the encoder."""
        return join_title(self.title, self.body)


def by_id(texts: Texts) -> Iterator[Text]:
    """Yield all texts, sorted by id: the order of the user's rows does not matter."""
    for start in range(0, len(texts), FETCH_ROWS):
        rows = texts.id_order[start : start + FETCH_ROWS]
        columns = (texts.column(name, rows) for name in ("id", "title", "text"))
        for rank, (name, title, body) in enumerate(zip(*columns, strict=True), start=start):
            yield Text(rank, name, title or "", body)


class LookupTables:
    """The tables of a folder, in a temporary SQLite file: `find` returns the text of an id."""

    def __init__(self, folder: Path, layout: Layout) -> None:
        self._tables = layout.tables
        self._store = sqlite3.connect("", isolation_level=None)  # "": a temporary file, which SQLite removes on close
        for statement in ("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "BEGIN"):
            self._store.execute(statement)
        for name, table in layout.tables.items():
            self._store.execute(f'CREATE TABLE "{name}" (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID')
            if table.is_required or (folder / table.file).exists():
                self._store.executemany(f'INSERT OR REPLACE INTO "{name}" VALUES (?, ?)', _pairs(folder / table.file, table))  # noqa: S608 - our names
        self._store.execute("COMMIT")

    def find(self, row: ParsedRow, table: str, *key: str) -> str:
        """Return the value of `key` in `table`; raise InputError at `row` where the key is missing."""
        value = self.get(table, *key)
        if value is None:
            row.fail(f"there is no {' '.join(key)!r} in {self._tables[table].file}")
        return value

    def get(self, table: str, *key: str) -> str | None:
        """Return the value of `key` in `table`; None where the key or the table is missing."""
        if table not in self._tables:
            return None
        row = self._store.execute(f'SELECT value FROM "{table}" WHERE key = ?', ("\t".join(key),)).fetchone()  # noqa: S608 - our names
        return None if row is None else str(row[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._store.close()


def _pairs(path: Path, table: LookupTable) -> Iterator[tuple[str, str]]:
    for row in rows_with_places(path, names=table.names):
        key = "\t".join(row.as_id(row.value(name), f"'{name}'") for name in table.key)
        *titles, body = (str(row.values.get(name) or "") for name in table.value)
        yield key, join_title(titles[0], body) if titles else body

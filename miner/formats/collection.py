"""Texts beside ids: all queries and passages written out in the order of their ids, and found again by id, in bounded memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from miner.formats.row_checks import Row
from miner.formats.row_format import Layout, Table
from miner.formats.row_readers import placed_rows
from miner.types import Texts, join_title

CHUNK = 1 << 16
"""Texts fetched at a time: they lie in another order on disk."""


class Text(NamedTuple):
    """A query or passage as it is written; `rank` is its place in the order of ids, from 0."""

    rank: int
    id: str
    title: str
    body: str

    @property
    def text(self) -> str:
        """Title and body, joined as they were encoded."""
        return join_title(self.title, self.body)


def by_id(texts: Texts) -> Iterator[Text]:
    """All of them, sorted by id: the order of the user's rows does not matter."""
    for start in range(0, len(texts), CHUNK):
        rows = texts.id_order[start : start + CHUNK]
        columns = (texts.column(name, rows) for name in ("id", "title", "text"))
        for place, (name, title, body) in enumerate(zip(*columns, strict=True), start=start):
            yield Text(place, name, title or "", body)


class Beside:
    """The tables of a folder, on disk while they are needed: `find` looks something up."""

    def __init__(self, folder: Path, layout: Layout) -> None:
        self._tables = layout.tables
        self._store = sqlite3.connect("", isolation_level=None)  # "": a file of SQLite's own, gone when it is closed
        for word in ("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "BEGIN"):
            self._store.execute(word)
        for name, table in layout.tables.items():
            self._store.execute(f'CREATE TABLE "{name}" (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID')
            if table.needed or (folder / table.file).exists():
                self._store.executemany(f'INSERT OR REPLACE INTO "{name}" VALUES (?, ?)', _pairs(folder / table.file, table))  # noqa: S608 - our names
        self._store.execute("COMMIT")

    def find(self, row: Row, table: str, *key: str) -> str:
        """What `table` has under `key`; InputError at `row` when it has nothing."""
        found = self.get(table, *key)
        if found is None:
            row.fail(f"there is no {' '.join(key)!r} in {self._tables[table].file}")
        return found

    def get(self, table: str, *key: str) -> str | None:
        """The same, or None; None where the format has no such table."""
        if table not in self._tables:
            return None
        answer = self._store.execute(f'SELECT value FROM "{table}" WHERE key = ?', ("\t".join(key),)).fetchone()  # noqa: S608 - our names
        return None if answer is None else str(answer[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._store.close()


def _pairs(path: Path, table: Table) -> Iterator[tuple[str, str]]:
    for row in placed_rows(path, names=table.names):
        key = "\t".join(row.as_id(row.value(name), f"'{name}'") for name in table.key)
        *titles, body = (str(row.values.get(name) or "") for name in table.value)
        yield key, join_title(titles[0], body) if titles else body

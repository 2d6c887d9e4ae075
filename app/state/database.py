"""One database: SQLite in the data folder, or PostgreSQL where several hosts work together. The same statements for both.

SQLite runs in WAL with synchronous=FULL: what was committed is there after kill -9 and after a power cut. A write takes the lock at
its beginning (BEGIN IMMEDIATE), so two writers wait for each other and never fail half-way.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.state.migrations import MIGRATIONS, NEWEST
from miner.errors import ConfigError, StorageError

log = logging.getLogger(__name__)

APPLICATION_ID = 0x48_41_52_44
PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "busy_timeout=10000",
    "trusted_schema=OFF",
)
MIGRATION_LOCK, CONTENTS_LOCK, NEEDS_LOCK = 4_852_391, 4_852_392, 4_852_393
"""Advisory locks of PostgreSQL. NEEDS_LOCK is always taken first, and never while a worker holds the row of a job."""


class Database:
    """Short transactions. Safe for several threads and processes."""

    def __init__(self, address: Path | str) -> None:
        """Connect, and migrate an older database. StorageError says why it cannot be used."""
        url = URL.create("sqlite", database=str(address)) if isinstance(address, Path) else _parse_url(address)
        self.shared = url.get_backend_name() != "sqlite"
        self._engine = _engine(url)
        self._change_counter = None if self.shared else sqlite3.connect(str(address), check_same_thread=False)  # commits nothing, sees all
        self._change_lock = threading.Lock()
        with self.write() as connection:
            _migrate(connection, self.shared)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads."""
        with _translate_errors(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is durable when it has ended."""
        with _translate_errors(), self._engine.connect().execution_options(writes=True) as connection, connection.begin():
            yield connection

    def take_lock(self, connection: Connection, lock: int = CONTENTS_LOCK) -> None:
        """Take an exclusive lock until the end of the transaction.

        CONTENTS_LOCK protects the blobs that rows reference. NEEDS_LOCK protects what jobs need from deletion.
        On SQLite every writing transaction is exclusive anyway.
        """
        if self.shared:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": lock})

    def changes(self) -> int | None:
        """A number that differs after any commit; None: this database has no such cheap counter."""
        if self._change_counter is None:
            return None
        try:
            with self._change_lock:
                return int(self._change_counter.execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.Error:
            return None  # the next query raises the error

    def clock(self, connection: Connection) -> float:
        """Seconds since 1970 by the clock that all workers share. Leases use it."""
        if not self.shared:
            return time.time()
        return float(connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())

    def close(self) -> None:
        """Close all connections."""
        if self._change_counter:
            self._change_counter.close()
        self._engine.dispose()


def _parse_url(address: str) -> URL:
    try:
        url = make_url(address)
    except ArgumentError:
        raise ConfigError("database is an address such as postgresql://user@host/name") from None
    if url.get_backend_name() != "postgresql":
        raise ConfigError(f"database is SQLite (leave it out) or postgresql://…, not {url.get_backend_name()}")
    return url.set(drivername="postgresql+psycopg")


def _engine(url: URL) -> Engine:
    try:
        engine = create_engine(url, pool_pre_ping=url.get_backend_name() != "sqlite", max_overflow=30)
    except (ImportError, NoSuchModuleError):
        raise ConfigError("PostgreSQL needs a driver: pip install 'hardneg[postgres]'") from None
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _configure)
        event.listen(engine, "begin", _begin)
    return engine


def _configure(connection: Any, record: object) -> None:
    """Set the pragmas of a SQLite connection, and turn off its implicit transactions: `_begin` starts them."""
    connection.isolation_level = None
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")


@contextmanager
def _translate_errors() -> Iterator[None]:
    """Raise errors of the database as StorageError, without its address."""
    try:
        yield
    except PoolTimeoutError as error:
        raise StorageError("the database is overloaded: no connection was free") from error
    except DBAPIError as error:
        detail = str(error.orig).splitlines()[0] if str(error.orig) else type(error.orig).__name__
        if isinstance(error.orig, Exception) and error.connection_invalidated:
            log.warning("the connection to the database was lost")
        raise StorageError(f"the database cannot be used: {detail}") from error


# ---------------------------------------------------------------- versions


def _migrate(connection: Connection, shared: bool) -> None:
    if shared:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        connection.execute(text("CREATE TABLE IF NOT EXISTS hardneg_version (version INTEGER NOT NULL)"))
        version = connection.execute(text("SELECT version FROM hardneg_version")).scalar() or 0
    else:
        version = _version_of_sqlite(connection)
    if version > NEWEST:
        raise StorageError(f"the database is of version {version}, this hardneg knows up to {NEWEST}: use a newer hardneg")
    if version == NEWEST:
        return
    for statements in MIGRATIONS[version:]:
        for statement in statements:
            connection.execute(text(statement))
    _note_version(connection, shared)


def _version_of_sqlite(connection: Connection) -> int:
    version = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
    owner = int(connection.exec_driver_sql("PRAGMA application_id").scalar_one())
    tables = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one()
    if tables and owner != APPLICATION_ID:
        raise StorageError("the database file belongs to another program")
    return version


def _note_version(connection: Connection, shared: bool) -> None:
    if shared:
        connection.execute(text("DELETE FROM hardneg_version"))
        connection.execute(text("INSERT INTO hardneg_version VALUES (:version)"), {"version": NEWEST})
    else:
        connection.exec_driver_sql(f"PRAGMA user_version = {NEWEST}")
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")

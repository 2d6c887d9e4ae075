"""The data folder and its database: durable, versioned, the same tables as the code says; a strange one is refused in a sentence."""

import json
import sqlite3
import subprocess
import sys

import pytest
from sqlalchemy import inspect

from app.state import open_state
from app.state.migrations import MIGRATIONS, NEWEST
from app.state.tables import metadata
from miner.errors import ConfigError, StorageError


@pytest.fixture
def state(tmp_path):
    opened = open_state(tmp_path / "data")
    yield opened
    opened.close()


def test_sqlite_is_as_durable_as_it_gets(state):
    with state.database.read() as connection:
        told = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "user_version")
        ]
    assert told == ["wal", 2, 1, NEWEST]


def test_the_migrations_make_the_tables_the_code_knows(state):
    found = inspect(state.database._engine)
    assert set(found.get_table_names()) == set(metadata.tables)
    for name, table in metadata.tables.items():
        made = {column["name"]: (column["nullable"], bool(column["primary_key"])) for column in found.get_columns(name)}
        assert made == {
            column.name: (bool(column.nullable) or (column.primary_key and made[column.name][0]), column.primary_key) for column in table.c
        }


def test_it_opens_again(tmp_path):
    for _ in range(2):
        open_state(tmp_path / "data").close()


@pytest.mark.parametrize("version", range(1, NEWEST))
def test_an_older_database_is_brought_up_to_date(version, tmp_path, monkeypatch):
    """What it holds stays; the tables that are new are there."""
    from app.auth import keys

    with monkeypatch.context() as older:
        older.setattr("app.state.database.MIGRATIONS", MIGRATIONS[:version])
        older.setattr("app.state.database.NEWEST", version)
        state = open_state(tmp_path / "data")
        key_id, _ = keys.create(state, "kept", ["read"])
        state.close()
    state = open_state(tmp_path / "data")
    assert [key["id"] for key in keys.ls(state)] == [key_id]
    assert set(inspect(state.database._engine).get_table_names()) == set(metadata.tables)
    state.close()


def newer_layout(data):
    (data / "hardneg.json").write_text(json.dumps({"layout": 99}))


def damaged_mark(data):
    (data / "hardneg.json").write_text("{")


def no_mark(data):
    (data / "hardneg.json").unlink()


def newer_database(data):
    with sqlite3.connect(data / "hardneg.sqlite") as database:
        database.execute("PRAGMA user_version = 99")


def somebody_elses(data):
    with sqlite3.connect(data / "hardneg.sqlite") as database:
        database.execute("PRAGMA application_id = 7")


def no_database(data):
    for path in data.glob("hardneg.sqlite*"):
        path.unlink()
    (data / "hardneg.sqlite").write_bytes(b"this is no database" * 100)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (newer_layout, "layout 99, this hardneg knows 1"),
        (damaged_mark, "is damaged"),
        (no_mark, "hardneg.json is missing"),
        (newer_database, "version 99"),
        (somebody_elses, "another program"),
        (no_database, "not a database"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused(spoil, said, tmp_path):
    open_state(tmp_path / "data").close()
    spoil(tmp_path / "data")
    with pytest.raises(StorageError, match=said):
        open_state(tmp_path / "data")


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "data").write_text("")
    with pytest.raises(StorageError, match="data"):
        open_state(tmp_path / "data")


@pytest.mark.parametrize(("address", "said"), [("mysql://x/y", "postgresql://"), ("nonsense", "an address")])
def test_a_strange_database_is_refused(address, said, tmp_path):
    with pytest.raises(ConfigError, match=said):
        open_state(tmp_path / "data", address)


def test_what_was_committed_survives_kill_9(tmp_path):
    """A process writes, says so, and is killed in the middle of the next transaction."""
    code = f"""
import os, pathlib, signal
from app.auth.keys import create
from app.state import open_state
from app.state.tables import api_keys
state = open_state(pathlib.Path({str(tmp_path / "data")!r}))
print(create(state, "kept", ["read"])[0], flush=True)
with state.database.write() as connection:
    connection.execute(api_keys.insert().values(id="half", name="half", digest="x", scopes="read", created_at=0))
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    from app.auth.keys import ls

    state = open_state(tmp_path / "data")
    assert [key["id"] for key in ls(state)] == [done.stdout.strip()]
    state.close()

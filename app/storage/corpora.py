"""Corpora: each has a name and versions. A job of kind `index` builds a version from files, which then never changes; the newest is used.

DATA/corpora/ID/VERSION/corpus.arrow     the texts, memory-mapped
                        passages.f32     vectors of the distinct texts, (U, D), memory-mapped; rows.npy, position.npy: their rows
                        about.json       number of passages, hash, model
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from sqlalchemy import Connection, RowMapping, delete, select, update
from sqlalchemy.exc import IntegrityError

from app.errors import Conflict, NotFound
from app.state import State
from app.state.database import NEEDS_LOCK
from app.state.names import now
from app.state.tables import corpora, corpus_versions, jobs
from app.storage.job_rows import ACTIVE, WAITING
from app.storage.needs import check_unused
from miner.io.folder_tree import remove


@dataclass(frozen=True)
class Version:
    """One version: files in their order, `state` building, ready or failed, passages and sha256 (of corpus.arrow) once it is ready."""

    corpus_id: str
    version: int
    files: list[str]
    state: str
    passages: int | None
    sha256: str | None
    job_id: str | None
    created_at: float


@dataclass(frozen=True)
class Corpus:
    """A corpus: its name, the model of its vectors, the column names of its files, and its versions, oldest first."""

    id: str
    name: str
    model: str
    fields: dict[str, str]
    created_at: float
    versions: list[Version]

    @property
    def ready(self) -> Version | None:
        """The newest version that can be searched."""
        return next((version for version in reversed(self.versions) if version.state == "ready"), None)

    @property
    def is_building(self) -> bool:
        """Whether a version is being built."""
        return any(version.state == "building" for version in self.versions)

    @property
    def next(self) -> int:
        """The number of the next version."""
        return self.versions[-1].version + 1


class CorpusRow(TypedDict):
    """A new corpus: its id, name, model and column names."""

    id: str
    name: str
    model: str
    fields: dict[str, str]


class Corpora:
    """The corpora of a data folder."""

    def __init__(self, state: State) -> None:
        self._state = state

    def create(self, connection: Connection, row: CorpusRow, files: Sequence[str], job_id: str) -> None:
        """Insert a corpus with its first version, in the transaction that submits its job. Conflict when the name exists."""
        conflict = Conflict(f"there is a corpus named {row['name']} already: append to it, or delete it")
        if connection.execute(select(corpora.c.id).where(corpora.c.name == row["name"])).first():
            raise conflict
        try:
            connection.execute(corpora.insert().values({**row, "fields": json.dumps(row["fields"]), "created_at": now()}))
        except IntegrityError:
            raise conflict from None
        _add_version(connection, row["id"], 1, files, job_id)

    def append(self, connection: Connection, corpus: Corpus, files: Sequence[str], job_id: str) -> None:
        """Insert the next version of a corpus, likewise. Conflict when another transaction has inserted it."""
        try:
            _add_version(connection, corpus.id, corpus.next, files, job_id)
        except IntegrityError:
            raise Conflict("another version of this corpus is being built: wait for it") from None

    def get(self, name_or_id: str) -> Corpus:
        """The corpus with this id or name. NotFound when there is none."""
        with self._state.database.read() as connection:
            return _get(connection, name_or_id)

    def changes(self) -> int | None:
        """A number that differs after any change of the database; None: the database has no such counter."""
        return self._state.database.changes()

    def get_for_append(self, name_or_id: str) -> Corpus:
        """The corpus, if a version can be added to it. Conflict while one is being built."""
        corpus = self.get(name_or_id)
        if corpus.is_building:
            raise Conflict("a version of this corpus is being built: wait for it")
        return corpus

    def ls(self) -> list[Corpus]:
        """All corpora, oldest first."""
        with self._state.database.read() as connection:
            ids = connection.execute(select(corpora.c.id).order_by(corpora.c.id)).scalars().all()
            return [_get(connection, corpus_id) for corpus_id in ids]

    def note_built(self, connection: Connection, corpus_id: str, version: int, passages: int, sha256: str) -> None:
        """Mark a version as ready."""
        values = {"state": "ready", "passages": passages, "sha256": sha256}
        connection.execute(update(corpus_versions).where(_version_is(corpus_id, version)).values(values))

    def folder(self, corpus_id: str, version: int) -> Path:
        """The folder of a version. corpus_id comes from the database, never from a client."""
        return self._state.corpora / corpus_id / str(version)

    def passages(self, corpus_id: str, version: int) -> Path:
        """The path of the passages of a version as JSON lines. NotFound when it was deleted."""
        path = self.folder(corpus_id, version) / "passages.jsonl"
        if not path.is_file():
            raise NotFound("this version of the corpus was deleted")
        return path

    def remove(self, name_or_id: str) -> None:
        """Delete a corpus with its versions and their folders. InUse while an unfinished job builds or reads one of them.

        The vectors of its texts stay in the embedding store, which other runs share.
        """
        corpus = self.get(name_or_id)
        self._state.reserve.with_reserve(lambda: self._delete(corpus.id))
        remove(self._state.corpora / corpus.id, ignore_errors=True)

    def _delete(self, corpus_id: str) -> None:
        """Delete the rows. The jobs that built the corpus lose their Idempotency-Key, so the same request creates a new corpus."""
        with self._state.database.write() as connection:
            self._state.database.take_lock(connection, NEEDS_LOCK)
            check_unused(connection, "this corpus", corpus=corpus_id)
            built_by = select(corpus_versions.c.job_id).where(corpus_versions.c.corpus_id == corpus_id)
            connection.execute(update(jobs).where(jobs.c.id.in_(built_by)).values(idempotency_key=None))
            connection.execute(delete(corpus_versions).where(corpus_versions.c.corpus_id == corpus_id))
            connection.execute(delete(corpora).where(corpora.c.id == corpus_id))


def _version_is(corpus_id: str, version: int) -> Any:
    return (corpus_versions.c.corpus_id == corpus_id) & (corpus_versions.c.version == version)


def _add_version(connection: Connection, corpus_id: str, version: int, files: Sequence[str], job_id: str) -> None:
    row = {"corpus_id": corpus_id, "version": version, "files": json.dumps(list(files)), "state": "building", "created_at": now()}
    connection.execute(corpus_versions.insert().values({**row, "job_id": job_id}))


def _get(connection: Connection, name_or_id: str) -> Corpus:
    query = select(corpora).where((corpora.c.id == name_or_id) | (corpora.c.name == name_or_id))
    row = connection.execute(query.order_by((corpora.c.id == name_or_id).desc())).mappings().first()  # a name may look like an id
    if row is None:
        raise NotFound("there is no such corpus")
    joined = corpus_versions.outerjoin(jobs, jobs.c.id == corpus_versions.c.job_id)
    query = select(corpus_versions, jobs.c.state.label("job_state")).select_from(joined).where(corpus_versions.c.corpus_id == row["id"])
    versions = [_version(version_row) for version_row in connection.execute(query.order_by(corpus_versions.c.version)).mappings().all()]
    return Corpus(**{**row, "fields": json.loads(row["fields"])}, versions=versions)


def _version(row: RowMapping) -> Version:
    """The version of a row. It has failed when its job has ended without it; a retry of the job makes it `building` again."""
    values = {**row, "files": json.loads(row["files"])}
    if values.pop("job_state") not in (*WAITING, *ACTIVE) and row["state"] == "building":
        values["state"] = "failed"
    return Version(**values)

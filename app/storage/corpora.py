"""Corpora: named, in versions. A version is made of files by a job (kind `index`) and then never changes; the newest ready one is used.

DATA/corpora/ID/VERSION/corpus.arrow     the texts, memory-mapped
                        passages.f32     their vectors, (U, D), memory-mapped; rows.npy, position.npy: which row is whose
                        about.json       what made it
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, select, update
from sqlalchemy.exc import IntegrityError

from app.errors import Conflict, NotFound
from app.state import State
from app.state.database import NEEDS_LOCK
from app.state.names import now
from app.state.tables import corpora, corpus_versions, jobs
from app.storage.job_rows import ACTIVE, WAITING
from app.storage.needs import check_unused


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
    """A name, the model whose vectors it has, your column names, and its versions, oldest first."""

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
    def building(self) -> bool:
        """Whether a version is on its way."""
        return any(version.state == "building" for version in self.versions)

    @property
    def next(self) -> int:
        """The number of the version that comes next."""
        return self.versions[-1].version + 1


class Corpora:
    """The corpora of a data folder."""

    def __init__(self, state: State) -> None:
        self._state = state

    def create(self, connection: Connection, row: dict[str, Any], files: Sequence[str], job_id: str) -> None:
        """A new corpus with a first version, in the transaction that makes the job that is to build it.

        Conflict when the name is taken.
        """
        taken = Conflict(f"there is a corpus named {row['name']} already: append to it, or delete it")
        if connection.execute(select(corpora.c.id).where(corpora.c.name == row["name"])).first():
            raise taken
        try:
            connection.execute(corpora.insert().values({**row, "fields": json.dumps(row["fields"]), "created_at": now()}))
        except IntegrityError:
            raise taken from None
        _add_version(connection, row["id"], 1, files, job_id)

    def append(self, connection: Connection, corpus: Corpus, files: Sequence[str], job_id: str) -> None:
        """A version more, likewise. Conflict when somebody else was quicker."""
        try:
            _add_version(connection, corpus.id, corpus.next, files, job_id)
        except IntegrityError:
            raise Conflict("another version of this corpus is being built: wait for it") from None

    def get(self, name_or_id: str) -> Corpus:
        """By id or by name. NotFound when there is none."""
        with self._state.database.read() as connection:
            return _get(connection, name_or_id)

    def changes(self) -> int | None:
        """Another number once anything was changed; None: ask again each time."""
        return self._state.database.changes()

    def growing(self, name_or_id: str) -> Corpus:
        """A corpus that can get a version more. Conflict while one is being built."""
        corpus = self.get(name_or_id)
        if corpus.building:
            raise Conflict("a version of this corpus is being built: wait for it")
        return corpus

    def ls(self) -> list[Corpus]:
        """All corpora, oldest first."""
        with self._state.database.read() as connection:
            ids = connection.execute(select(corpora.c.id).order_by(corpora.c.id)).scalars().all()
            return [_get(connection, corpus_id) for corpus_id in ids]

    def note_built(self, connection: Connection, corpus_id: str, version: int, passages: int, sha256: str) -> None:
        """A version can be searched from now on."""
        values = {"state": "ready", "passages": passages, "sha256": sha256}
        connection.execute(update(corpus_versions).where(_one(corpus_id, version)).values(values))

    def folder(self, corpus_id: str, version: int) -> Path:
        """Where a version lies. The id is the database's own, never what a client sent."""
        return self._state.corpora / corpus_id / str(version)

    def passages(self, corpus_id: str, version: int) -> Path:
        """The passages of a version as JSON lines. NotFound when it is gone."""
        path = self.folder(corpus_id, version) / "passages.jsonl"
        if not path.is_file():
            raise NotFound("this version of the corpus is gone")
        return path

    def remove(self, name_or_id: str) -> None:
        """Forget a corpus with its versions, then what only they used. Held while a job that has not ended builds or reads one of them.

        The vectors of its texts stay in the embedding store, which others share.
        """
        corpus = self.get(name_or_id)
        self._state.reserve.freeing(lambda: self._forget(corpus.id))
        shutil.rmtree(self._state.corpora / corpus.id, ignore_errors=True)

    def _forget(self, corpus_id: str) -> None:
        """With it go the Idempotency-Keys that made it: the same request makes a new one, as of a job that was deleted."""
        with self._state.database.write() as connection:
            self._state.database.take_lock(connection, NEEDS_LOCK)
            check_unused(connection, "this corpus", corpus=corpus_id)
            built_by = select(corpus_versions.c.job_id).where(corpus_versions.c.corpus_id == corpus_id)
            connection.execute(update(jobs).where(jobs.c.id.in_(built_by)).values(idempotency_key=None))
            connection.execute(delete(corpus_versions).where(corpus_versions.c.corpus_id == corpus_id))
            connection.execute(delete(corpora).where(corpora.c.id == corpus_id))


def _one(corpus_id: str, version: int) -> Any:
    return (corpus_versions.c.corpus_id == corpus_id) & (corpus_versions.c.version == version)


def _add_version(connection: Connection, corpus_id: str, version: int, files: Sequence[str], job_id: str) -> None:
    row = {"corpus_id": corpus_id, "version": version, "files": json.dumps(list(files)), "state": "building", "created_at": now()}
    connection.execute(corpus_versions.insert().values({**row, "job_id": job_id}))


def _get(connection: Connection, name_or_id: str) -> Corpus:
    wanted = select(corpora).where((corpora.c.id == name_or_id) | (corpora.c.name == name_or_id))
    row = connection.execute(wanted.order_by((corpora.c.id == name_or_id).desc())).mappings().first()  # a name may look like an id
    if row is None:
        raise NotFound("there is no such corpus")
    joined = corpus_versions.outerjoin(jobs, jobs.c.id == corpus_versions.c.job_id)
    wanted = select(corpus_versions, jobs.c.state.label("job_state")).select_from(joined).where(corpus_versions.c.corpus_id == row["id"])
    versions = [_version(one) for one in connection.execute(wanted.order_by(corpus_versions.c.version)).mappings().all()]
    return Corpus(**{**row, "fields": json.loads(row["fields"])}, versions=versions)


def _version(row: RowMapping) -> Version:
    """A version whose job has ended without it has failed; a retry of the job makes it building again."""
    values = {**row, "files": json.loads(row["files"])}
    if values.pop("job_state") not in (*WAITING, *ACTIVE) and row["state"] == "building":
        values["state"] = "failed"
    return Version(**values)

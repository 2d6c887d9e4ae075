"""Files: immutable bytes under a name that the server made. The same content is kept once, by its SHA-256. Knows no HTTP."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, func, select

from app.errors import Conflict, Full, NotFound, WrongMedia
from app.state import State
from app.state.database import NEEDS_LOCK
from app.state.folder import STALE_SECONDS
from app.state.names import new_name, now
from app.state.tables import files
from app.storage.job_output import Output
from app.storage.needs import check_unused
from miner.io.atomic import Part

MEDIA = {
    ".jsonl": "application/x-ndjson",
    ".jsonl.gz": "application/gzip",
    ".jsonl.zst": "application/zstd",
    ".csv": "text/csv",
    ".csv.gz": "application/gzip",
    ".csv.zst": "application/zstd",
    ".tsv": "text/tab-separated-values",
    ".tsv.gz": "application/gzip",
    ".tsv.zst": "application/zstd",
    ".parquet": "application/vnd.apache.parquet",
    ".json": "application/json",
    ".html": "text/html",
    ".txt": "text/plain",
}
"""What a file may be, by the end of its name, and how it is announced."""

READABLE = tuple(suffix for suffix in MEDIA if suffix not in (".json", ".html", ".txt"))
BY_MEDIA = {
    "application/x-ndjson": ".jsonl",
    "application/jsonl": ".jsonl",
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/vnd.apache.parquet": ".parquet",
}
NAME = re.compile(r"[^\x00-\x1f\x7f/\\]{1,200}")


@dataclass(frozen=True)
class File:
    """One file, as the database knows it."""

    id: str
    name: str
    suffix: str
    sha256: str
    bytes: int
    job_id: str | None
    created_at: float

    @property
    def media(self) -> str:
        """Its media type."""
        return MEDIA[self.suffix]

    @property
    def etag(self) -> str:
        """Strong: the content's hash."""
        return f'"{self.sha256}"'


class Files:
    """The files of a data folder."""

    def __init__(self, state: State, keep_free: int) -> None:
        self._state, self._keep_free = state, keep_free

    def begin(self) -> Part:
        """Room for a content on its way in. Full when the disk has not enough left."""
        if self._state.free_bytes() < self._keep_free:
            raise Full(f"less than {self._keep_free:,} bytes are left on the disk of the server; nothing more is taken in")
        return self._state.blobs.begin(new_name("incoming"))

    def finish(self, part: Part, name: str, suffix: str) -> File:
        """What was written to `part` becomes a file; when this returns it survives a power cut."""
        sha256, size = part.sha256, part.bytes
        part.commit()  # waits for the disk, and nobody else has to wait for that
        try:
            with self._state.database.write() as connection:
                self._state.database.take_lock(connection)
                self._state.blobs.keep(part.path, sha256)
                return _added(connection, name, suffix, sha256, size, None)
        finally:
            with suppress(OSError):
                part.path.unlink(missing_ok=True)

    def adopt(self, connection: Connection, path: Path, output: Output, job_id: str) -> File:
        """A finished file of a job, without a copy, in the transaction that ends the job."""
        self._state.database.take_lock(connection)
        self._state.blobs.adopt(path, output.sha256)
        return _added(connection, output.name, output.suffix, output.sha256, path.stat().st_size, job_id)

    def of_job(self, job_id: str) -> list[File]:
        """What a job has made."""
        with self._state.database.read() as connection:
            rows = connection.execute(select(files).where(files.c.job_id == job_id).order_by(files.c.id)).mappings().all()
        return [File(**row) for row in rows]

    def get(self, file_id: str) -> File:
        """NotFound when there is none."""
        with self._state.database.read() as connection:
            row = connection.execute(select(files).where(files.c.id == file_id)).mappings().first()
        if row is None:
            raise NotFound("there is no such file")
        return File(**row)

    def ls(self, after: str, limit: int) -> list[File]:
        """Files in the order they came in, from behind the one named `after`."""
        with self._state.database.read() as connection:
            rows = connection.execute(select(files).where(files.c.id > after).order_by(files.c.id).limit(limit)).mappings().all()
        return [File(**row) for row in rows]

    def path(self, file: File) -> Path:
        """Where its bytes lie."""
        return self._state.blobs.path(file.sha256)

    def remove(self, file_id: str) -> None:
        """Forget a file, and its content when nobody else holds it. A job's own files go with the job.

        Held, Conflict while a job that has not ended needs it, or a corpus is made of it: its next version would miss it.
        """
        file = self.get(file_id)
        if file.job_id:
            raise Conflict("this file belongs to a job, and goes with it: delete the job")
        self._state.reserve.freeing(lambda: self._forget(file))
        self.drop([file.sha256])

    def drop(self, contents: Iterable[str]) -> None:
        """Remove those of the contents (SHA-256) that nobody holds any more.

        Their rows have gone before: a cut between the two leaves bytes, never a lie.
        """
        for sha256 in set(contents):
            self._state.reserve.freeing(partial(self._drop, sha256))

    def _forget(self, file: File) -> None:
        with self._state.database.write() as connection:
            self._state.database.take_lock(connection, NEEDS_LOCK)
            check_unused(connection, "this file", of=[file.id])
            connection.execute(delete(files).where(files.c.id == file.id))

    def sweep(self) -> int:
        """Remove contents that no file names: what an upload or a job left that was cut off between bytes and row. How many there were."""
        old = self._state.blobs.older(time.time() - STALE_SECONDS)
        with self._state.database.read() as connection:
            named = set(connection.execute(select(files.c.sha256).distinct()).scalars())
        return sum(self._drop(sha256) for sha256 in old if sha256 not in named)

    def _drop(self, sha256: str) -> bool:
        """Remove a content unless somebody holds it; nobody can add the same one meanwhile."""
        with self._state.database.write() as connection:
            self._state.database.take_lock(connection)
            held = connection.execute(select(func.count()).select_from(files).where(files.c.sha256 == sha256)).scalar_one()
            if not held:
                self._state.blobs.remove(sha256)
            return not held


def kind_of_upload(name: str, media: str) -> tuple[str, str]:
    """(name, suffix) of what is being sent, by its name, else by its media type. WrongMedia says what is taken."""
    if name and not NAME.fullmatch(name):
        raise WrongMedia("a file's name is 1 to 200 characters, without / and \\ and control characters")
    for suffix in sorted(READABLE, key=len, reverse=True):
        if name.lower().endswith(suffix):
            return name, suffix
    suffix = BY_MEDIA.get(media, "")
    if not suffix:
        raise WrongMedia(f"say what it is: ?name= that ends in {', '.join(READABLE)}, or Content-Type {', '.join(BY_MEDIA)}")
    return name or f"unnamed{suffix}", suffix


def _added(connection: Connection, name: str, suffix: str, sha256: str, size: int, job_id: str | None) -> File:
    row: dict[str, Any] = {"id": new_name("file"), "name": name, "suffix": suffix, "sha256": sha256, "bytes": size}
    row |= {"job_id": job_id, "created_at": now()}
    connection.execute(files.insert().values(row))
    return File(**row)

"""Files: immutable bytes under an id of the server. Equal contents are stored once, by their SHA-256. Knows no HTTP."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

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
from miner.io.file_kinds import advice_for
from miner.io.folder_tree import remove

TEXT_TYPES = {
    ".jsonl": "application/x-ndjson",
    ".ndjson": "application/x-ndjson",
    ".json": "application/json",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
}
COMPRESSED_TYPES = {".gz": "application/gzip", ".zst": "application/zstd", ".bz2": "application/x-bzip2", ".xz": "application/x-xz"}
UPLOAD_TYPES = {
    **TEXT_TYPES,
    **{f"{kind}{compression}": media for kind in TEXT_TYPES for compression, media in COMPRESSED_TYPES.items()},
    ".parquet": "application/vnd.apache.parquet",
}
"""The kinds of files that jobs read: suffix → media type."""

MEDIA_TYPES = {**UPLOAD_TYPES, ".html": "text/html", ".txt": "text/plain"}
"""The kinds of all files, with those that jobs write."""

SUFFIX_BY_MEDIA_TYPE = {
    "application/x-ndjson": ".jsonl",
    "application/jsonl": ".jsonl",
    "application/json": ".json",
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/vnd.apache.parquet": ".parquet",
}
NAME_PATTERN = re.compile(r"[^\x00-\x1f\x7f/\\]{1,200}")


@dataclass(frozen=True)
class File:
    """One row of the table of files."""

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
        return MEDIA_TYPES[self.suffix]

    @property
    def etag(self) -> str:
        """A strong ETag: the hash of the content."""
        return f'"{self.sha256}"'


class Files:
    """The files of a data folder."""

    def __init__(self, state: State, min_free_bytes: int) -> None:
        self._state, self._min_free_bytes = state, min_free_bytes

    def begin(self) -> Part:
        """Begin to write a content. Full when the disk has too little free space."""
        if self._state.free_bytes() < self._min_free_bytes:
            raise Full(f"less than {self._min_free_bytes:,} bytes are left on the disk of the server; no upload is accepted")
        return self._state.blobs.begin(new_name("incoming"))

    def finish(self, part: Part, name: str, suffix: str) -> File:
        """Store the content of `part` as a file. It is durable when this returns."""
        sha256, size = part.sha256, part.bytes
        part.commit()  # waits for the disk, so it comes before the lock of the database
        try:
            with self._state.database.write() as connection:
                self._state.database.take_lock(connection)
                self._state.blobs.move_file(part.path, sha256)
                return _insert(connection, name, suffix, sha256, size, None)
        finally:
            with suppress(OSError):
                remove(part.path)

    def register(self, connection: Connection, path: Path, output: Output, job_id: str) -> File:
        """Store a file that a job has written, without a copy, in the transaction that finishes the job."""
        self._state.database.take_lock(connection)
        self._state.blobs.link_file(path, output.sha256)
        return _insert(connection, output.name, output.suffix, output.sha256, path.stat().st_size, job_id)

    def of_job(self, job_id: str) -> list[File]:
        """The files that a job has written."""
        with self._state.database.read() as connection:
            rows = connection.execute(select(files).where(files.c.job_id == job_id).order_by(files.c.id)).mappings().all()
        return [File(**row) for row in rows]

    def get(self, file_id: str) -> File:
        """The file. NotFound when there is none."""
        with self._state.database.read() as connection:
            row = connection.execute(select(files).where(files.c.id == file_id)).mappings().first()
        if row is None:
            raise NotFound("there is no such file")
        return File(**row)

    def ls(self, after: str, limit: int) -> list[File]:
        """Files in the order of their upload, after the one with id `after`."""
        with self._state.database.read() as connection:
            rows = connection.execute(select(files).where(files.c.id > after).order_by(files.c.id).limit(limit)).mappings().all()
        return [File(**row) for row in rows]

    def path(self, file: File) -> Path:
        """The path of its bytes."""
        return self._state.blobs.path(file.sha256)

    def remove(self, file_id: str) -> None:
        """Delete a file, and its content unless another file has the same. Files of a job are deleted with the job: Conflict.

        InUse while an unfinished job needs it; Conflict while a corpus is built from it, since its next version needs it too.
        """
        file = self.get(file_id)
        if file.job_id:
            raise Conflict("this file belongs to a job, and goes with it: delete the job")
        self._state.reserve.with_reserve(lambda: self._delete(file))
        self.drop([file.sha256])

    def drop(self, contents: Iterable[str]) -> None:
        """Delete those of the contents (SHA-256) that no file references.

        The rows were deleted before: a crash in between leaves an unreferenced blob, never a dangling row.
        """
        for sha256 in set(contents):
            self._state.reserve.with_reserve(partial(self._drop, sha256))

    def _delete(self, file: File) -> None:
        with self._state.database.write() as connection:
            self._state.database.take_lock(connection, NEEDS_LOCK)
            check_unused(connection, "this file", of=[file.id])
            connection.execute(delete(files).where(files.c.id == file.id))

    def remove_unreferenced(self) -> int:
        """Delete old contents that no file references, left by a crash between writing bytes and row. Return their number."""
        candidates = self._state.blobs.older_than(time.time() - STALE_SECONDS)
        with self._state.database.read() as connection:
            referenced = set(connection.execute(select(files.c.sha256).distinct()).scalars())
        return sum(self._drop(sha256) for sha256 in candidates if sha256 not in referenced)

    def _drop(self, sha256: str) -> bool:
        """Delete a content unless a file references it. The lock prevents that one is added meanwhile."""
        with self._state.database.write() as connection:
            self._state.database.take_lock(connection)
            references = connection.execute(select(func.count()).select_from(files).where(files.c.sha256 == sha256)).scalar_one()
            if not references:
                self._state.blobs.remove(sha256)
            return not references


def kind_of_upload(name: str, media: str) -> tuple[str, str]:
    """(name, suffix) of an upload, by its name, else by its media type. WrongMedia names the accepted ones."""
    if name and not NAME_PATTERN.fullmatch(name):
        raise WrongMedia("a file's name is 1 to 200 characters, without / and \\ and control characters")
    for suffix in sorted(UPLOAD_TYPES, key=len, reverse=True):
        if name.lower().endswith(suffix):
            return name, suffix
    suffix = SUFFIX_BY_MEDIA_TYPE.get(media, "")
    if not suffix:
        advice = advice_for(Path(name).suffix) if name else ""
        raise WrongMedia(
            f"the kind of the file is unknown: {f'{advice}; ' if advice else ''}send ?name= that ends in {', '.join(TEXT_TYPES)}, also "
            f"with {', '.join(COMPRESSED_TYPES)}, or in .parquet, or Content-Type {', '.join(SUFFIX_BY_MEDIA_TYPE)}"
        )
    return name or f"unnamed{suffix}", suffix


def _insert(connection: Connection, name: str, suffix: str, sha256: str, size: int, job_id: str | None) -> File:
    file = File(id=new_name("file"), name=name, suffix=suffix, sha256=sha256, bytes=size, job_id=job_id, created_at=now())
    connection.execute(files.insert().values(asdict(file)))
    return file

"""The queue as clients see it: jobs are asked for, looked at, cancelled, tried again, forgotten."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, delete, func, select, text

from app.errors import Busy, Conflict, NotFound, WrongFields
from app.state import State
from app.state.database import NEEDS_LOCK
from app.state.names import new_name, now
from app.state.tables import files, job_events, jobs
from app.storage.job_rows import STATES, WAITING, Commit, Event, Job, as_job, change, end_row, get_row, tell
from app.storage.needs import check_free, missing


@dataclass(frozen=True)
class Asked:
    """What a client asks for: the spec with everything resolved, and the hash of the body as it was sent."""

    kind: str
    spec: dict[str, Any]
    sha256: str
    key_id: str
    idempotency_key: str | None = None


class Queue:
    """The jobs of a data folder. May be used from several threads, processes and, over PostgreSQL, hosts."""

    def __init__(self, state: State, most_waiting: int = 64) -> None:
        self._database, self._most_waiting = state.database, most_waiting

    def submit(self, asked: Asked, also: Commit | None = None) -> Job:
        """A new job, durable when this returns; with a key that was seen before, the job it made. Busy when too many wait.

        also: what is written in the same transaction, once the job is. NotFound when what the job needs has gone meanwhile.
        """
        with self._database.write() as connection:
            self._database.alone(connection, NEEDS_LOCK)
            if self._database.shared:
                connection.execute(text("LOCK TABLE jobs IN SHARE ROW EXCLUSIVE MODE"))  # or two submitters could both be the last one
            if earlier := self._earlier(connection, asked):
                return earlier
            waiting = connection.execute(select(func.count()).select_from(jobs).where(jobs.c.state.in_(WAITING))).scalar_one()
            if waiting >= self._most_waiting:
                raise Busy(f"{waiting} jobs are waiting, as many as may; try again later")
            name = new_name("job")
            row: dict[str, Any] = {"id": name, "kind": asked.kind, "state": "queued", "spec": json.dumps(asked.spec), "created_at": now()}
            row |= {"spec_sha256": asked.sha256, "key_id": asked.key_id, "idempotency_key": asked.idempotency_key}
            connection.execute(jobs.insert().values({**row, "attempts": 0, "crashes": 0, "done": 0, "total": 0, "last_event": 0}))
            tell(connection, name, "state", {"state": "queued"})
            job = get_row(connection, name)
            if also:
                also(connection, job)
            if gone := missing(connection, job):
                raise NotFound(f"what this job needs is gone: {', '.join(gone)}")
            return job

    def earlier(self, asked: Asked) -> Job | None:
        """The job that this key made before; None: there is none. `asked` needs no spec."""
        with self._database.read() as connection:
            return self._earlier(connection, asked)

    def get(self, job_id: str) -> Job:
        """NotFound when there is none."""
        with self._database.read() as connection:
            return get_row(connection, job_id)

    def ls(self, state: str | None, kind: str | None, after: str, limit: int) -> list[Job]:
        """Jobs, newest first, older than the one named `after`."""
        wanted = select(jobs).order_by(jobs.c.id.desc()).limit(limit)
        for column, value in ((jobs.c.state, state), (jobs.c.kind, kind)):
            wanted = wanted if value is None else wanted.where(column == value)
        with self._database.read() as connection:
            rows = connection.execute(wanted.where(jobs.c.id < after) if after else wanted).mappings().all()
        return [as_job(row) for row in rows]

    def events(self, job_id: str, after: int, limit: int = 500) -> list[Event]:
        """What happened to a job since event number `after`."""
        wanted = select(job_events).where(job_events.c.job_id == job_id, job_events.c.number > after)
        with self._database.read() as connection:
            rows = connection.execute(wanted.order_by(job_events.c.number).limit(limit)).all()
        return [Event(row.number, row.kind, json.loads(row.data), row.at) for row in rows]

    def counts(self) -> dict[str, int]:
        """Jobs by state."""
        with self._database.read() as connection:
            found = connection.execute(select(jobs.c.state, func.count()).group_by(jobs.c.state)).all()
        return {**dict.fromkeys(STATES, 0), **{row[0]: row[1] for row in found}}

    def cancel(self, job_id: str) -> Job:
        """Stop it: at once when it waits, within seconds when it runs; a job that has ended stays as it is."""
        with self._database.write() as connection:
            job = get_row(connection, job_id, lock=True)
            if job.state == "queued":
                end_row(connection, job, "cancelled")
            elif job.state == "running":
                change(connection, job, state="cancelling")
                tell(connection, job.id, "state", {"state": "cancelling"})
            return get_row(connection, job_id)

    def retry(self, job_id: str) -> Job:
        """Put a job that has failed, crashed or was cancelled back into the queue; what it has done already is not done again."""
        with self._database.write() as connection:
            self._database.alone(connection, NEEDS_LOCK)
            job = get_row(connection, job_id, lock=True)
            if job.state not in ("failed", "crashed", "cancelled"):
                raise Conflict(f"a job that is {job.state} cannot be tried again: only one that failed, crashed or was cancelled")
            if gone := missing(connection, job):
                raise Conflict(f"this job cannot be tried again: what it needs is gone, {', '.join(gone)}")
            change(connection, job, state="queued", crashes=0, error=None, finished_at=None)
            tell(connection, job.id, "state", {"state": "queued"})
            return get_row(connection, job_id)

    def remove(self, job_id: str) -> list[str]:
        """Forget a job that has ended, and its files; their contents (SHA-256), which are for the caller to drop.

        Held, Conflict while another job needs its run or a file of it, or a corpus is made of one.
        """
        with self._database.write() as connection:
            self._database.alone(connection, NEEDS_LOCK)
            job = get_row(connection, job_id, lock=True)
            if not job.final:
                raise Conflict(f"a job that is {job.state} cannot be deleted: cancel it first")
            own = {row.id: row.sha256 for row in connection.execute(select(files.c.id, files.c.sha256).where(files.c.job_id == job_id))}
            check_free(connection, "this job", of=own, job=job_id)
            connection.execute(delete(files).where(files.c.job_id == job_id))
            connection.execute(delete(job_events).where(job_events.c.job_id == job_id))
            connection.execute(delete(jobs).where(jobs.c.id == job_id))
            return list(own.values())

    def _earlier(self, connection: Connection, asked: Asked) -> Job | None:
        if asked.idempotency_key is None:
            return None
        same = and_(jobs.c.key_id == asked.key_id, jobs.c.idempotency_key == asked.idempotency_key)
        row = connection.execute(select(jobs).where(same)).mappings().first()
        if row is not None and row["spec_sha256"] != asked.sha256:
            raise WrongFields([{"pointer": "", "detail": "this Idempotency-Key was used before, with another body"}])
        return None if row is None else as_job(row)

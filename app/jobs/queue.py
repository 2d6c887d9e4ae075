"""The queue as clients see it: submit a job, list jobs, cancel, retry, remove."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sqlalchemy import Connection, and_, delete, func, select, text

from app.errors import Busy, Conflict, NotFound, WrongFields
from app.state import State
from app.state.database import NEEDS_LOCK
from app.state.names import new_name, now
from app.state.tables import files, job_events, jobs
from app.storage.job_rows import STATES, WAITING, Commit, Event, Job, JobSpec, add_event, as_job, finish_row, get_row, update_row
from app.storage.needs import check_unused, missing


@dataclass(frozen=True)
class Submission:
    """A request for a job: the resolved spec, and the hash of the request's body, which tells two uses of an Idempotency-Key apart."""

    kind: str
    spec: JobSpec
    sha256: str
    key_id: str
    idempotency_key: str | None = None


class Queue:
    """The jobs of a data folder, for clients. Safe for several threads, processes and, over PostgreSQL, hosts."""

    def __init__(self, state: State, max_waiting: int = 64) -> None:
        self._database, self._max_waiting = state.database, max_waiting

    def submit(self, submission: Submission, on_insert: Commit | None = None) -> Job:
        """Insert a job; it is durable when this returns. For a repeated Idempotency-Key, return the first job instead.

        on_insert: writes more in the same transaction, after the job.
        Busy when too many jobs wait; NotFound when something that the job needs was deleted meanwhile.
        """
        with self._database.write() as connection:
            self._database.take_lock(connection, NEEDS_LOCK)
            if self._database.shared:
                connection.execute(text("LOCK TABLE jobs IN SHARE ROW EXCLUSIVE MODE"))  # else two clients could both take the last place
            if duplicate := self._find_duplicate(connection, submission):
                return duplicate
            waiting = connection.execute(select(func.count()).select_from(jobs).where(jobs.c.state.in_(WAITING))).scalar_one()
            if waiting >= self._max_waiting:
                raise Busy(f"the job queue is full: {waiting} jobs are waiting; try again later")
            name = new_name("job")
            row = {"id": name, "kind": submission.kind, "state": "queued", "spec": json.dumps(submission.spec)}
            origin = {"spec_sha256": submission.sha256, "key_id": submission.key_id, "idempotency_key": submission.idempotency_key}
            counters = dict.fromkeys(("attempts", "crashes", "done", "total", "last_event"), 0)
            connection.execute(jobs.insert().values({**row, **origin, **counters, "created_at": now()}))
            add_event(connection, name, "state", {"state": "queued"})
            job = get_row(connection, name)
            if on_insert:
                on_insert(connection, job)
            if missing_inputs := missing(connection, job):
                raise NotFound(f"inputs of this job were deleted: {', '.join(missing_inputs)}")
            return job

    def find_duplicate(self, submission: Submission) -> Job | None:
        """The job that this Idempotency-Key made before, or None. The spec of `submission` is not used."""
        with self._database.read() as connection:
            return self._find_duplicate(connection, submission)

    def get(self, job_id: str) -> Job:
        """The job. NotFound when there is none."""
        with self._database.read() as connection:
            return get_row(connection, job_id)

    def ls(self, state: str | None, kind: str | None, after: str, limit: int) -> list[Job]:
        """Jobs, newest first, older than the one named `after`."""
        query = select(jobs).order_by(jobs.c.id.desc()).limit(limit)
        for column, value in ((jobs.c.state, state), (jobs.c.kind, kind)):
            query = query if value is None else query.where(column == value)
        with self._database.read() as connection:
            rows = connection.execute(query.where(jobs.c.id < after) if after else query).mappings().all()
        return [as_job(row) for row in rows]

    def events(self, job_id: str, after: int, limit: int = 500) -> list[Event]:
        """The events of a job after number `after`, oldest first."""
        query = select(job_events).where(job_events.c.job_id == job_id, job_events.c.number > after)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(job_events.c.number).limit(limit)).all()
        return [Event(row.number, row.kind, json.loads(row.data), row.at) for row in rows]

    def counts(self) -> dict[str, int]:
        """Number of jobs by state."""
        with self._database.read() as connection:
            rows = connection.execute(select(jobs.c.state, func.count()).group_by(jobs.c.state)).all()
        return {**dict.fromkeys(STATES, 0), **{row[0]: row[1] for row in rows}}

    def cancel(self, job_id: str) -> Job:
        """Cancel a job: at once when it is queued, within seconds when it runs. A job that has ended stays as it is."""
        with self._database.write() as connection:
            job = get_row(connection, job_id, lock=True)
            if job.state == "queued":
                finish_row(connection, job, "cancelled")
            elif job.state == "running":
                update_row(connection, job, state="cancelling")
                add_event(connection, job.id, "state", {"state": "cancelling"})
            return get_row(connection, job_id)

    def retry(self, job_id: str) -> Job:
        """Return a failed, crashed or cancelled job to the queue. The new attempt reuses what the earlier ones have stored."""
        with self._database.write() as connection:
            self._database.take_lock(connection, NEEDS_LOCK)
            job = get_row(connection, job_id, lock=True)
            if job.state not in ("failed", "crashed", "cancelled"):
                raise Conflict(f"a job that is {job.state} cannot be retried: only one that failed, crashed or was cancelled")
            if missing_inputs := missing(connection, job):
                raise Conflict(f"this job cannot be retried: inputs were deleted, {', '.join(missing_inputs)}")
            update_row(connection, job, state="queued", crashes=0, error=None, finished_at=None)
            add_event(connection, job.id, "state", {"state": "queued"})
            return get_row(connection, job_id)

    def remove(self, job_id: str) -> list[str]:
        """Delete the rows of a job that has ended, and of its files. Return the SHA-256 of their contents, for the caller to drop.

        InUse, Conflict while another job needs its run or one of its files, or a corpus is made of one.
        """
        with self._database.write() as connection:
            self._database.take_lock(connection, NEEDS_LOCK)
            job = get_row(connection, job_id, lock=True)
            if not job.final:
                raise Conflict(f"a job that is {job.state} cannot be deleted: cancel it first")
            hashes = {row.id: row.sha256 for row in connection.execute(select(files.c.id, files.c.sha256).where(files.c.job_id == job_id))}
            check_unused(connection, "this job", of=hashes, job=job_id)
            connection.execute(delete(files).where(files.c.job_id == job_id))
            connection.execute(delete(job_events).where(job_events.c.job_id == job_id))
            connection.execute(delete(jobs).where(jobs.c.id == job_id))
            return list(hashes.values())

    def _find_duplicate(self, connection: Connection, submission: Submission) -> Job | None:
        if submission.idempotency_key is None:
            return None
        same = and_(jobs.c.key_id == submission.key_id, jobs.c.idempotency_key == submission.idempotency_key)
        row = connection.execute(select(jobs).where(same)).mappings().first()
        if row is not None and row["spec_sha256"] != submission.sha256:
            raise WrongFields([{"pointer": "", "detail": "this Idempotency-Key was used with another body"}])
        return None if row is None else as_job(row)

"""The queue as workers see it: jobs are claimed under a lease. Whoever holds a job beats every second; a job that nobody beats for
is claimed again, and at once where its worker is known to be dead.

Work is idempotent (a run folder is absent or complete, vectors are committed block by block), so a second claim can only repeat,
never spoil. `attempts` is the fence: what a worker says counts only while the attempt it was given is still the current one.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, and_, delete, or_, select, update

from app.jobs.presence import Presence
from app.state import State
from app.state.names import now
from app.state.tables import job_events, jobs
from app.storage.job_rows import ACTIVE, WAITING, Commit, Job, as_job, change, end_row, get_row, tell

LEASE_SECONDS = 6.0
BEAT_SECONDS = 1.0
KEPT_PROGRESS = 200
"""Progress events that are kept of a job; all others are kept for ever."""


class Leases:
    """The jobs of a data folder, for workers: threads, processes and, over PostgreSQL, hosts."""

    def __init__(self, state: State, most_crashes: int = 5) -> None:
        self._database, self._most_crashes = state.database, most_crashes
        self.presence = Presence(state.workers)

    def claim(self, worker: str) -> Job | None:
        """The oldest job that waits, or whose worker is gone; None: there is nothing to do."""
        self._free()
        with self._database.write() as connection:
            clock = self._database.clock(connection)
            lapsed = and_(jobs.c.state.in_(ACTIVE), jobs.c.lease_until < clock)
            wanted = select(jobs).where(or_(jobs.c.state.in_(WAITING), lapsed)).order_by(jobs.c.created_at, jobs.c.id).limit(1)
            row = connection.execute(wanted.with_for_update(skip_locked=True)).mappings().first()
            if row is None:
                return None
            job = as_job(row)
            if job.state in ACTIVE and not self._goes_on(connection, job):
                return None
            begun = {"state": "running", "worker": worker, "lease_until": clock + LEASE_SECONDS, "attempts": job.attempts + 1}
            change(connection, job, **begun, started_at=job.started_at or now())
            tell(connection, job.id, "state", {"state": "running", "attempt": job.attempts + 1})
            return get_row(connection, job.id)

    def _free(self) -> None:
        """The leases of workers that have died on this machine lapse now."""
        gone = self.presence.gone()
        if gone:
            with self._database.write() as connection:
                connection.execute(update(jobs).where(jobs.c.state.in_(ACTIVE), jobs.c.worker.in_(gone)).values(lease_until=0.0))
            self.presence.forget(gone)

    def beat(self, job: Job, stage: str | None = None, done: int = 0, total: int = 0) -> str | None:
        """Keep the lease, and note the progress where there is some. The state; None: the job is somebody else's now."""
        with self._database.write() as connection:
            current = self._held(connection, job)
            if current is None:
                return None
            told = {} if stage is None else {"stage": stage, "done": done, "total": total}
            change(connection, job, lease_until=self._database.clock(connection) + LEASE_SECONDS, **told)
            if told:
                number = tell(connection, job.id, "progress", told)
                old = and_(job_events.c.job_id == job.id, job_events.c.kind == "progress", job_events.c.number <= number - KEPT_PROGRESS)
                connection.execute(delete(job_events).where(old))
            return current.state

    def end(self, job: Job, state: str, *, result: Any = None, error: Any = None, commit: Commit | None = None) -> bool:
        """The job has ended. False: it is somebody else's now, and nothing was written."""
        with self._database.write() as connection:
            if self._held(connection, job) is None:
                return False
            if commit:
                commit(connection, job)
            end_row(connection, job, state, result, error)
            return True

    def give_back(self, job: Job, *, crashed: bool) -> None:
        """Not done: back into the queue, because the worker stops, or because the child died; too often, and the job has crashed."""
        with self._database.write() as connection:
            current = self._held(connection, job)
            if current is None:
                return
            if current.state == "cancelling":
                end_row(connection, job, "cancelled")
            elif not crashed:
                change(connection, job, state="queued", worker=None, lease_until=None)
                tell(connection, job.id, "state", {"state": "queued", "why": "the worker was stopped"})
            elif self._goes_on(connection, current):
                change(connection, job, state="queued", worker=None, lease_until=None)
                tell(connection, job.id, "state", {"state": "queued", "why": "the process that mined died"})

    def _goes_on(self, connection: Connection, job: Job) -> bool:
        """One crash more; whether the job is still worth another try."""
        if job.state == "cancelling":
            end_row(connection, job, "cancelled")
            return False
        change(connection, job, crashes=job.crashes + 1)
        if job.crashes + 1 > self._most_crashes:
            end_row(connection, job, "crashed", error={"detail": f"the process died {job.crashes + 1} times while it worked on this job"})
            return False
        return True

    def _held(self, connection: Connection, job: Job) -> Job | None:
        current = connection.execute(select(jobs).where(jobs.c.id == job.id).with_for_update()).mappings().first()
        if current is None or current["state"] not in ACTIVE or (current["worker"], current["attempts"]) != (job.worker, job.attempts):
            return None
        return as_job(current)

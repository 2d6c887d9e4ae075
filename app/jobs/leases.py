"""The queue as workers see it. A worker fetches a job under a lease and sends a heartbeat every second; when the heartbeats stop, the job
is stalled and another worker fetches it: at once where the first is known to be dead, else when the lease has expired.

Jobs are idempotent (a run folder is absent or complete, vectors are committed block by block), so a second attempt repeats work and damages
nothing. `attempts` is the fencing token: what a worker reports counts only while its attempt is the current one.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, and_, delete, or_, select, update

from app.jobs.presence import Presence
from app.state import State
from app.state.names import now
from app.state.tables import job_events, jobs
from app.storage.job_rows import ACTIVE, WAITING, Commit, Job, add_event, as_job, finish_row, get_row, update_row

LEASE_SECONDS = 6.0
HEARTBEAT_SECONDS = 1.0
MAX_PROGRESS_EVENTS = 200
"""Progress events stored per job, the latest ones. Other events are stored for ever."""


class Leases:
    """The jobs of a data folder, for workers: threads, processes and, over PostgreSQL, hosts."""

    def __init__(self, state: State, max_crashes: int = 5) -> None:
        self._database, self._max_crashes = state.database, max_crashes
        self.presence = Presence(state.workers)

    def fetch_job(self, worker: str) -> Job | None:
        """Take the oldest job that is queued or stalled; None: there is none."""
        self._expire_leases_of_dead_workers()
        with self._database.write() as connection:
            clock = self._database.clock(connection)
            stalled = and_(jobs.c.state.in_(ACTIVE), jobs.c.lease_until < clock)
            query = select(jobs).where(or_(jobs.c.state.in_(WAITING), stalled)).order_by(jobs.c.created_at, jobs.c.id).limit(1)
            row = connection.execute(query.with_for_update(skip_locked=True)).mappings().first()
            if row is None:
                return None
            job = as_job(row)
            if job.state in ACTIVE and not self._may_retry(connection, job):
                return None
            values = {"state": "running", "worker": worker, "lease_until": clock + LEASE_SECONDS, "attempts": job.attempts + 1}
            update_row(connection, job, **values, started_at=job.started_at or now())
            add_event(connection, job.id, "state", {"state": "running", "attempt": job.attempts + 1})
            return get_row(connection, job.id)

    def _expire_leases_of_dead_workers(self) -> None:
        dead = self.presence.dead_workers()
        if dead:
            with self._database.write() as connection:
                connection.execute(update(jobs).where(jobs.c.state.in_(ACTIVE), jobs.c.worker.in_(dead)).values(lease_until=0.0))
            self.presence.unregister(dead)

    def heartbeat(self, job: Job, stage: str | None = None, done: int = 0, total: int = 0) -> str | None:
        """Extend the lease, and store the progress where a stage is named. The job's state; None: another worker has the job now."""
        with self._database.write() as connection:
            current = self._current(connection, job)
            if current is None:
                return None
            progress = {} if stage is None else {"stage": stage, "done": done, "total": total}
            update_row(connection, job, lease_until=self._database.clock(connection) + LEASE_SECONDS, **progress)
            if progress:
                last = add_event(connection, job.id, "progress", progress) - MAX_PROGRESS_EVENTS
                surplus = and_(job_events.c.job_id == job.id, job_events.c.kind == "progress", job_events.c.number <= last)
                connection.execute(delete(job_events).where(surplus))
            return current.state

    def finish_job(self, job: Job, state: str, *, result: Any = None, error: Any = None, commit: Commit | None = None) -> bool:
        """Store the final state of a job. False: another worker has the job now, and nothing was written.

        commit: writes more in the same transaction.
        """
        with self._database.write() as connection:
            if self._current(connection, job) is None:
                return False
            if commit:
                commit(connection, job)
            finish_row(connection, job, state, result, error)
            return True

    def requeue(self, job: Job, *, crashed: bool) -> None:
        """Return an unfinished job to the queue. crashed: its process died; after more than max_crashes of these the job ends `crashed`."""
        with self._database.write() as connection:
            current = self._current(connection, job)
            if current is None:
                return
            if current.state == "cancelling":
                finish_row(connection, job, "cancelled")
            elif not crashed:
                update_row(connection, job, state="queued", worker=None, lease_until=None)
                add_event(connection, job.id, "state", {"state": "queued", "why": "the worker was stopped"})
            elif self._may_retry(connection, current):
                update_row(connection, job, state="queued", worker=None, lease_until=None)
                add_event(connection, job.id, "state", {"state": "queued", "why": "the process that mined died"})

    def _may_retry(self, connection: Connection, job: Job) -> bool:
        """Count one crash more. True: the job gets another attempt; False: it has ended here, cancelled or crashed."""
        if job.state == "cancelling":
            finish_row(connection, job, "cancelled")
            return False
        update_row(connection, job, crashes=job.crashes + 1)
        if job.crashes + 1 > self._max_crashes:
            finish_row(
                connection, job, "crashed", error={"detail": f"the process died {job.crashes + 1} times while it worked on this job"}
            )
            return False
        return True

    def _current(self, connection: Connection, job: Job) -> Job | None:
        """The job as the database has it, locked; None: this attempt is no longer the current one."""
        current = connection.execute(select(jobs).where(jobs.c.id == job.id).with_for_update()).mappings().first()
        if current is None or current["state"] not in ACTIVE or (current["worker"], current["attempts"]) != (job.worker, job.attempts):
            return None
        return as_job(current)

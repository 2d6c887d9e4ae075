"""Jobs and events as rows of the database, and the statements that write them. Only app.jobs.queue and app.jobs.leases write."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypedDict

from sqlalchemy import Connection, RowMapping, select, update

from app.errors import NotFound
from app.state.names import now
from app.state.tables import job_events, jobs

WAITING, ACTIVE = ("queued",), ("running", "cancelling")
FINAL = ("succeeded", "failed", "cancelled", "crashed")
STATES = (*WAITING, *ACTIVE, *FINAL)


JobSpec = dict[str, Any]
"""What a job does, as JSON: the request with every name resolved. The fields depend on the kind of job (`resolve` in app/jobs/)."""

JobResult = dict[str, Any]
"""What a job made, as JSON. The fields depend on the kind of job (`run` in app/jobs/)."""


class JobError(TypedDict):
    """Why a job failed: the class of the error (`bug` for one of ours), and a sentence."""

    kind: str
    detail: str


class EventData(TypedDict, total=False):
    """The data of an event: of a change of state, or of progress."""

    state: str
    attempt: int
    why: str
    error: JobError
    stage: str
    done: int
    total: int


@dataclass(frozen=True)
class Job:
    """One row of the table of jobs."""

    id: str
    kind: str
    state: str
    spec: JobSpec
    key_id: str
    created_at: float
    started_at: float | None
    finished_at: float | None
    attempts: int
    crashes: int
    worker: str | None
    stage: str | None
    done: int
    total: int
    result: JobResult
    error: JobError | None
    last_event: int

    @property
    def final(self) -> bool:
        """Whether the job has ended. Only a retry changes it after that."""
        return self.state in FINAL


@dataclass(frozen=True)
class Event:
    """One event of a job. Numbers ascend by one."""

    number: int
    kind: str
    data: EventData
    at: float


Commit = Callable[[Connection, Job], None]
"""Writes more rows in the transaction that inserts or finishes a job."""


def get_row(connection: Connection, job_id: str, *, lock: bool = False) -> Job:
    """One job. lock: no other transaction changes it before this one ends. NotFound when there is none."""
    query = select(jobs).where(jobs.c.id == job_id)
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    if row is None:
        raise NotFound("there is no such job")
    return as_job(row)


def as_job(row: RowMapping) -> Job:
    """The job of a row, its JSON columns decoded."""
    values = {field.name: row[field.name] for field in fields(Job)}
    loaded = {name: json.loads(row[name]) if row[name] else None for name in ("spec", "result", "error")}
    return Job(**{**values, **loaded, "result": loaded["result"] or {}})


def update_row(connection: Connection, job: Job, **values: Any) -> None:
    """Update columns of a job."""
    connection.execute(update(jobs).where(jobs.c.id == job.id).values(**values))


def finish_row(connection: Connection, job: Job, state: str, result: Any = None, error: Any = None) -> None:
    """Store the final state of a job, and the event that says so."""
    columns = {name: json.dumps(value) for name, value in (("result", result), ("error", error)) if value is not None}
    update_row(connection, job, state=state, finished_at=now(), lease_until=None, **columns)
    add_event(connection, job.id, "state", {"state": state, **({"error": error} if error else {})})


def add_event(connection: Connection, job_id: str, kind: str, data: Mapping[str, Any]) -> int:
    """Append an event to a job. Return its number."""
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(last_event=jobs.c.last_event + 1))
    number = int(connection.execute(select(jobs.c.last_event).where(jobs.c.id == job_id)).scalar_one())
    connection.execute(job_events.insert().values(job_id=job_id, number=number, kind=kind, data=json.dumps(data), at=now()))
    return number

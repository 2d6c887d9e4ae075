"""Jobs and events as the tables hold them, and the few statements that write them. Only queue.py and leases.py call these."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, RowMapping, select, update

from app.errors import NotFound
from app.state.names import now
from app.state.tables import job_events, jobs

WAITING, ACTIVE = ("queued",), ("running", "cancelling")
FINAL = ("succeeded", "failed", "cancelled", "crashed")
STATES = (*WAITING, *ACTIVE, *FINAL)


@dataclass(frozen=True)
class Job:
    """One job, as the table knows it."""

    id: str
    kind: str
    state: str
    spec: dict[str, Any]
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
    result: dict[str, Any]
    error: dict[str, Any] | None
    last_event: int

    @property
    def final(self) -> bool:
        """Nothing will happen any more, unless somebody says retry."""
        return self.state in FINAL


@dataclass(frozen=True)
class Event:
    """Something that happened to a job. Numbers ascend by one."""

    number: int
    kind: str
    data: dict[str, Any]
    at: float


Commit = Callable[[Connection, Job], None]
"""What else is written in the transaction that makes or ends a job."""


def get_row(connection: Connection, job_id: str, *, lock: bool = False) -> Job:
    """One job; lock: nobody else changes it before this transaction ends. NotFound when there is none."""
    wanted = select(jobs).where(jobs.c.id == job_id)
    row = connection.execute(wanted.with_for_update() if lock else wanted).mappings().first()
    if row is None:
        raise NotFound("there is no such job")
    return as_job(row)


def as_job(row: RowMapping) -> Job:
    """A row as the code sees it."""
    values = {field.name: row[field.name] for field in fields(Job)}
    loaded = {name: json.loads(row[name]) if row[name] else None for name in ("spec", "result", "error")}
    return Job(**{**values, **loaded, "result": loaded["result"] or {}})


def change(connection: Connection, job: Job, **values: Any) -> None:
    """Write some columns."""
    connection.execute(update(jobs).where(jobs.c.id == job.id).values(**values))


def end_row(connection: Connection, job: Job, state: str, result: Any = None, error: Any = None) -> None:
    """The job is over."""
    told = {name: json.dumps(value) for name, value in (("result", result), ("error", error)) if value is not None}
    change(connection, job, state=state, finished_at=now(), lease_until=None, **told)
    tell(connection, job.id, "state", {"state": state, **({"error": error} if error else {})})


def tell(connection: Connection, job_id: str, kind: str, data: Mapping[str, Any]) -> int:
    """One event more; its number."""
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(last_event=jobs.c.last_event + 1))
    number = int(connection.execute(select(jobs.c.last_event).where(jobs.c.id == job_id)).scalar_one())
    connection.execute(job_events.insert().values(job_id=job_id, number=number, kind=kind, data=json.dumps(data), at=now()))
    return number

"""The table of the kinds of jobs. A new kind is a file with `resolve`, `prepare`, `run`, and a line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter
from sqlalchemy import Connection

from app.jobs import export, index, mine, plan
from app.jobs.export import ExportJob
from app.jobs.mine import MineJob
from app.jobs.stores import Stores
from app.jobs.task import JobFunction
from app.storage.job_rows import Job, JobResult, JobSpec


def commit_nothing(connection: Connection, job: Job, result: JobResult, stores: Stores) -> None:
    """Write nothing: most kinds have no rows beside their result."""


@dataclass(frozen=True)
class Kind:
    """The functions of one kind of job.

    resolve: the client's request → the spec; None: clients cannot submit this kind directly.
    prepare: the spec → the spec for the child, with the inputs linked into the job's folder.
    run: the work itself, in the child.
    commit: rows that are written in the transaction that finishes the job, beside its result and files.
    """

    resolve: Callable[[Any, Stores], JobSpec] | None
    prepare: Callable[[JobSpec, Stores, Path], JobSpec]
    run: JobFunction
    commit: Callable[[Connection, Job, JobResult, Stores], None] = commit_nothing


def _commit_index(connection: Connection, job: Job, result: JobResult, stores: Stores) -> None:
    stores.corpora.note_built(connection, job.spec["corpus"], job.spec["version"], result["passages"], result["sha256"])


KINDS: dict[str, Kind] = {
    "mine": Kind(mine.resolve, mine.prepare, mine.run),
    "export": Kind(export.resolve, export.prepare, export.run),
    "index": Kind(None, index.prepare, index.run, _commit_index),
    "plan": Kind(None, mine.prepare, plan.run),
}

JobRequest = Annotated[MineJob | ExportJob, Field(discriminator="kind")]
JOB_REQUEST: TypeAdapter[BaseModel] = TypeAdapter(JobRequest)

"""The table of kinds of jobs. A new kind is a file with `resolve`, `prepare`, `work`, and a line here (house rule: explicit tables)."""

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
from app.jobs.stores import Stock
from app.jobs.task import Work
from app.storage.job_rows import Job


def nothing_more(connection: Connection, job: Job, result: dict[str, Any], stock: Stock) -> None:
    """Most kinds write nothing beside their result."""


@dataclass(frozen=True)
class Kind:
    """resolve: a client's body → the spec; None: clients cannot ask for it by themselves. prepare: the spec → what the child gets.

    work: in the child. commit: what is written, beside result and files, in the transaction that ends the job.
    """

    resolve: Callable[[Any, Stock], dict[str, Any]] | None
    prepare: Callable[[dict[str, Any], Stock, Path], dict[str, Any]]
    work: Work
    commit: Callable[[Connection, Job, dict[str, Any], Stock], None] = nothing_more


def _built(connection: Connection, job: Job, result: dict[str, Any], stock: Stock) -> None:
    stock.corpora.note_built(connection, job.spec["corpus"], job.spec["version"], result["passages"], result["sha256"])


KINDS: dict[str, Kind] = {
    "mine": Kind(mine.resolve, mine.prepare, mine.work),
    "export": Kind(export.resolve, export.prepare, export.work),
    "index": Kind(None, index.prepare, index.work, _built),
    "plan": Kind(None, mine.prepare, plan.work),
}

Asking = Annotated[MineJob | ExportJob, Field(discriminator="kind")]
JOB_REQUEST: TypeAdapter[BaseModel] = TypeAdapter(Asking)

"""What a job needs until it has ended: files, a version of a corpus, the run of another job. None of it can be deleted before that.

Submitting a job, retrying one and deleting something each hold NEEDS_LOCK (`Database.take_lock`). So a deletion comes either before the
job, which is then refused, or after it, and then the deletion is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass

from sqlalchemy import Connection, select

from app.errors import Conflict, InUse
from app.state.tables import corpora, corpus_versions, files, jobs
from app.storage.job_rows import ACTIVE, WAITING, Job, JobSpec, as_job


@dataclass(frozen=True)
class Needs:
    """The needs of one job: files (ids), a corpus (id and version), another job (id) for its run and its reviews."""

    files: frozenset[str] = frozenset()
    corpus: tuple[str, int] | None = None
    job: str | None = None


def _mine_needs(spec: JobSpec) -> Needs:
    inputs, corpus = spec["inputs"], spec["corpus"]
    file_ids = [inputs["queries"], inputs["pairs"], *inputs["qrels"], None if corpus else inputs["corpus"]]
    return Needs(frozenset(filter(None, file_ids)), (corpus["id"], corpus["version"]) if corpus else None)


def _export_needs(spec: JobSpec) -> Needs:
    return Needs(job=spec["job"])


def _index_needs(spec: JobSpec) -> Needs:
    return Needs(frozenset(spec["files"]), (spec["corpus"], spec["version"]))


NEEDS: dict[str, Callable[[JobSpec], Needs]] = {"mine": _mine_needs, "export": _export_needs, "index": _index_needs}
"""By kind of job: its spec → what it needs."""


def missing(connection: Connection, job: Job) -> list[str]:
    """The needs of the job that do not exist, each in words."""
    needs = NEEDS[job.kind](job.spec)
    present = set(connection.execute(select(files.c.id).where(files.c.id.in_(needs.files))).scalars())
    absent = [f"file {name}" for name in sorted(needs.files - present)]
    if needs.corpus and not _has_version(connection, job, *needs.corpus):
        absent.append(f"version {needs.corpus[1]} of corpus {needs.corpus[0]}")
    if needs.job and not connection.execute(select(jobs.c.id).where(jobs.c.id == needs.job, jobs.c.state == "succeeded")).first():
        absent.append(f"job {needs.job}")
    return absent


def check_unused(
    connection: Connection, subject: str, *, of: Collection[str] = (), corpus: str | None = None, job: str | None = None
) -> None:
    """Check that something may be deleted. InUse names the active jobs that need it; Conflict names a corpus that is made of it.

    subject: its name in the message.
    of: ids of files.
    corpus, job: ids.
    """
    unfinished = connection.execute(select(jobs).where(jobs.c.state.in_((*WAITING, *ACTIVE))).order_by(jobs.c.id)).mappings().all()
    dependents = []
    for active in map(as_job, unfinished):
        needs = NEEDS[active.kind](active.spec)
        if needs.files.intersection(of) or (corpus and needs.corpus and needs.corpus[0] == corpus) or (job and needs.job == job):
            dependents.append(active)
    if dependents:
        raise InUse(
            f"{subject} is needed by {_describe(dependents)}: wait until it has ended, or cancel it", [active.id for active in dependents]
        )
    query = select(corpora.c.name, corpus_versions.c.files).join(corpora, corpora.c.id == corpus_versions.c.corpus_id)
    for name, file_list in connection.execute(query.where(corpus_versions.c.state == "ready")) if of else ():
        if set(json.loads(file_list)).intersection(of):
            raise Conflict(f"corpus {name} is made of {subject}: delete the corpus first")


def _has_version(connection: Connection, job: Job, corpus_id: str, version: int) -> bool:
    """A version that is ready, or that this job builds."""
    query = select(corpus_versions).where(corpus_versions.c.corpus_id == corpus_id, corpus_versions.c.version == version)
    row = connection.execute(query).mappings().first()
    return row is not None and (row["state"] == "ready" or row["job_id"] == job.id)


def _describe(dependents: list[Job]) -> str:
    first = f"job {dependents[0].id}, which is {dependents[0].state}"
    return first if len(dependents) == 1 else f"{first}, and {len(dependents) - 1} more"

"""What a job needs until it has ended: files, a version of a corpus, the run of another job. Nobody removes it before the job lets go.

Whoever makes a job, tries one again or removes something does so in a transaction that is alone in this (`Database.alone`, NEEDS_LOCK):
a deletion comes before the job, which is then refused, or after it, and then the deletion is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from app.errors import Conflict, Held
from app.state.tables import corpora, corpus_versions, files, jobs
from app.storage.job_rows import ACTIVE, WAITING, Job, as_job

Spec = dict[str, Any]


@dataclass(frozen=True)
class Needs:
    """Files by id; a corpus (id) in a version; another job (id), for its run and what was said of it."""

    files: frozenset[str] = frozenset()
    corpus: tuple[str, int] | None = None
    job: str | None = None


def _of_mine(spec: Spec) -> Needs:
    given, corpus = spec["inputs"], spec["corpus"]
    named = [given["queries"], given["pairs"], *given["qrels"], None if corpus else given["corpus"]]
    return Needs(frozenset(filter(None, named)), (corpus["id"], corpus["version"]) if corpus else None)


def _of_export(spec: Spec) -> Needs:
    return Needs(job=spec["job"])


def _of_index(spec: Spec) -> Needs:
    return Needs(frozenset(spec["files"]), (spec["corpus"], spec["version"]))


NEEDS: dict[str, Callable[[Spec], Needs]] = {"mine": _of_mine, "export": _of_export, "index": _of_index}
"""By kind of job: its spec → what it needs."""


def missing(connection: Connection, job: Job) -> list[str]:
    """What the job needs and is not there, in words."""
    needs = NEEDS[job.kind](job.spec)
    there = set(connection.execute(select(files.c.id).where(files.c.id.in_(needs.files))).scalars())
    gone = [f"file {name}" for name in sorted(needs.files - there)]
    if needs.corpus and not _has_version(connection, job, *needs.corpus):
        gone.append(f"version {needs.corpus[1]} of corpus {needs.corpus[0]}")
    if needs.job and not connection.execute(select(jobs.c.id).where(jobs.c.id == needs.job, jobs.c.state == "succeeded")).first():
        gone.append(f"job {needs.job}")
    return gone


def check_free(connection: Connection, what: str, *, of: Collection[str] = (), corpus: str | None = None, job: str | None = None) -> None:
    """Held names the jobs that need one of the files `of`, the corpus or the job; Conflict a corpus that is made of such a file."""
    waiting = connection.execute(select(jobs).where(jobs.c.state.in_((*WAITING, *ACTIVE))).order_by(jobs.c.id)).mappings().all()
    found = []
    for one in map(as_job, waiting):
        needs = NEEDS[one.kind](one.spec)
        if needs.files.intersection(of) or (corpus and needs.corpus and needs.corpus[0] == corpus) or (job and needs.job == job):
            found.append(one)
    if found:
        raise Held(f"{what} is needed by {_named(found)}: wait until it has ended, or cancel it", [one.id for one in found])
    made = select(corpora.c.name, corpus_versions.c.files).join(corpora, corpora.c.id == corpus_versions.c.corpus_id)
    for name, held in connection.execute(made.where(corpus_versions.c.state == "ready")) if of else ():
        if set(json.loads(held)).intersection(of):
            raise Conflict(f"corpus {name} is made of {what}: delete the corpus first")


def _has_version(connection: Connection, job: Job, corpus_id: str, version: int) -> bool:
    """A version that is ready, or that this job builds."""
    wanted = select(corpus_versions).where(corpus_versions.c.corpus_id == corpus_id, corpus_versions.c.version == version)
    row = connection.execute(wanted).mappings().first()
    return row is not None and (row["state"] == "ready" or row["job_id"] == job.id)


def _named(found: list[Job]) -> str:
    first = f"job {found[0].id}, which is {found[0].state}"
    return first if len(found) == 1 else f"{first}, and {len(found) - 1} more"

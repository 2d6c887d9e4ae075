"""Reviews: the verdicts of people and judges on the pairs of a job, as an append-only log. Knows no HTTP.

An entry is a verdict, or withdraws an earlier entry. The current reviews form a verdict file of the library: the verdicts that are not
withdrawn, in their order, so that the last one of a pair counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, func, select

from app.auth.keys import Caller
from app.errors import Conflict, NotFound, Outdated
from app.state import State
from app.state.names import now
from app.state.tables import reviews
from app.storage.job_rows import get_row
from miner.core.verdicts import Verdict, rows_of
from miner.errors import InputError
from miner.types import Dataset, Texts

WITHDRAWN = "withdrawn"
REVIEWED = ("mine", "export")
"""Kinds of jobs whose pairs can be reviewed."""


@dataclass(frozen=True)
class Review:
    """One entry. verdict: one of the library's, or `withdrawn` for an entry that withdraws entry number `withdraws`."""

    number: int
    query_id: str
    passage_id: str
    verdict: str
    said_by: str
    key_id: str
    withdraws: int | None
    at: float


class Reviews:
    """The reviews of all jobs of a data folder."""

    def __init__(self, state: State) -> None:
        self._database, self._jobs = state.database, state.jobs

    def append(self, job_id: str, verdicts: Sequence[Verdict], caller: Caller, expected_last: int | None = None) -> list[Review]:
        """Append verdicts of a caller; they are durable when this returns.

        expected_last: the number of the last entry that the caller has seen; Outdated when there are newer ones.
        InputError names an id that is not in the run; NotFound, Conflict when the job has no run.
        """
        check_ids(self.dataset(job_id), verdicts)
        with self._database.write() as connection:
            last = _last(connection, job_id, expected_last)
            values = [(v.query_id, v.passage_id, v.verdict, caller.name or caller.id, caller.id, None, now()) for v in verdicts]
            return _insert(connection, job_id, [Review(last + offset, *row) for offset, row in enumerate(values, 1)])

    def withdraw(self, job_id: str, number: int, caller: Caller, expected_last: int | None = None) -> Review:
        """Withdraw a verdict, so that the pair's earlier one counts again. NotFound; Conflict when it is withdrawn already."""
        self.dataset(job_id)
        with self._database.write() as connection:
            last = _last(connection, job_id, expected_last)
            entries = {review.number: review for review in _read(connection, job_id)}
            verdict = entries.get(number)
            if verdict is None or verdict.withdraws is not None:
                raise NotFound("there is no verdict of that number")
            if any(review.withdraws == number for review in entries.values()):
                raise Conflict("this verdict was withdrawn already")
            entry = Review(last + 1, verdict.query_id, verdict.passage_id, WITHDRAWN, caller.name or caller.id, caller.id, number, now())
            return _insert(connection, job_id, [entry])[0]

    def ls(self, job_id: str, after: int = 0, limit: int | None = None) -> list[Review]:
        """The entries with a number above `after`, oldest first."""
        with self._database.read() as connection:
            get_row(connection, job_id)
            return _read(connection, job_id, after, limit)

    def last(self, job_id: str) -> int:
        """The number of the newest entry; 0: there is none."""
        with self._database.read() as connection:
            get_row(connection, job_id)
            return _newest(connection, job_id)

    def current(self, job_id: str, last: int | None = None) -> list[Review]:
        """The verdicts that are not withdrawn, as of entry number `last` (default: the newest)."""
        entries = [review for review in self.ls(job_id) if last is None or review.number <= last]
        withdrawn = {review.withdraws for review in entries}
        return [review for review in entries if review.withdraws is None and review.number not in withdrawn]

    def counts(self, job_ids: Sequence[str]) -> dict[str, int]:
        """Number of reviewed pairs by job. Jobs without reviews are left out."""
        pairs = (
            select(reviews.c.job_id, reviews.c.query_id, reviews.c.passage_id).where(reviews.c.job_id.in_(job_ids)).distinct().subquery()
        )
        with self._database.read() as connection:
            rows = connection.execute(select(pairs.c.job_id, func.count()).group_by(pairs.c.job_id)).all()
        return {row[0]: row[1] for row in rows}

    def dataset(self, job_id: str) -> Dataset:
        """The dataset of a job's run. NotFound, Conflict where there is none."""
        with self._database.read() as connection:
            job = get_row(connection, job_id)
        if job.kind not in REVIEWED or job.state != "succeeded":
            raise Conflict(f"this job cannot be reviewed: it is {job.state}, of kind {job.kind}")
        return Dataset.open(self.folder(job_id) / "dataset")

    def folder(self, job_id: str) -> Path:
        """The run folder of a job that has one."""
        return self._jobs / job_id / "run"


def verdict_file(entries: Sequence[Review]) -> bytes:
    """A verdict file of the library."""
    lines = (Verdict(r.query_id, r.passage_id, r.verdict, r.said_by, datetime.fromtimestamp(r.at, UTC).isoformat()) for r in entries)
    return b"".join(verdict.line() for verdict in lines)


def check_ids(dataset: Dataset, verdicts: Sequence[Verdict]) -> None:
    """InputError for the first id that is not in the run."""
    sides: tuple[tuple[str, Texts, list[str]], ...] = (
        ("query", dataset.queries, [verdict.query_id for verdict in verdicts]),
        ("passage", dataset.corpus, [verdict.passage_id for verdict in verdicts]),
    )
    for kind, texts, ids in sides:
        for offset, row in enumerate(rows_of(texts, ids).tolist()):
            if row < 0:
                raise InputError(f"verdict {offset + 1}: there is no {kind} '{ids[offset][:100]}' in this run")


def _last(connection: Connection, job_id: str, expected_last: int | None) -> int:
    """The number of the newest entry. The row of the job is locked, so no other transaction appends before this one ends."""
    get_row(connection, job_id, lock=True)
    last = _newest(connection, job_id)
    if expected_last is not None and expected_last != last:
        raise Outdated(f"there are newer reviews: the last one is number {last}, If-Match names {expected_last}")
    return last


def _newest(connection: Connection, job_id: str) -> int:
    return int(connection.execute(select(func.max(reviews.c.number)).where(reviews.c.job_id == job_id)).scalar() or 0)


def _insert(connection: Connection, job_id: str, entries: list[Review]) -> list[Review]:
    if entries:
        connection.execute(reviews.insert(), [{**vars(entry), "job_id": job_id} for entry in entries])
    return entries


def _read(connection: Connection, job_id: str, after: int = 0, limit: int | None = None) -> list[Review]:
    columns = [reviews.c[field.name] for field in fields(Review)]
    query = select(*columns).where(reviews.c.job_id == job_id, reviews.c.number > after).order_by(reviews.c.number).limit(limit)
    return [Review(**row) for row in connection.execute(query).mappings()]

"""Reviews: what people and judges have said of a job's pairs, as a log that only grows. Knows no HTTP.

An entry is a verdict, or takes an earlier entry back. What stands is the library's verdict file: every verdict that was not taken back,
in the order it was said, so that the last line about a pair counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, func, select

from app.auth.keys import Caller
from app.errors import Conflict, Moved, NotFound
from app.state import State
from app.state.names import now
from app.state.tables import reviews
from app.storage.job_rows import get_row
from miner.core.verdicts import Verdict, rows_of
from miner.errors import InputError
from miner.types import Dataset, Texts

WITHDRAWN = "withdrawn"
REVIEWED = ("mine", "export")
"""Kinds of jobs that have pairs to speak of."""


@dataclass(frozen=True)
class Review:
    """One entry. verdict: one of the library's, or `withdrawn`, which takes the entry `withdraws` back."""

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

    def append(self, job_id: str, said: Sequence[Verdict], caller: Caller, seen: int | None = None) -> list[Review]:
        """Add verdicts in the name of the caller's key, durable when this returns. seen: the last number it knows, or Moved.

        InputError names an id that is not in the run; NotFound, Conflict when there is no run to speak of.
        """
        check_known(self.dataset(job_id), said)
        with self._database.write() as connection:
            last = _last(connection, job_id, seen)
            told = [(v.query_id, v.passage_id, v.verdict, caller.name or caller.id, caller.id, None, now()) for v in said]
            return _added(connection, job_id, [Review(last + place, *row) for place, row in enumerate(told, 1)])

    def withdraw(self, job_id: str, number: int, caller: Caller, seen: int | None = None) -> Review:
        """Take an entry back, once: what was said of the pair before counts again. NotFound, Conflict: there is none."""
        self.dataset(job_id)
        with self._database.write() as connection:
            last = _last(connection, job_id, seen)
            entries = {review.number: review for review in _read(connection, job_id)}
            taken = entries.get(number)
            if taken is None or taken.withdraws is not None:
                raise NotFound("there is no verdict of that number")
            if any(review.withdraws == number for review in entries.values()):
                raise Conflict("this verdict was taken back already")
            told = Review(last + 1, taken.query_id, taken.passage_id, WITHDRAWN, caller.name or caller.id, caller.id, number, now())
            return _added(connection, job_id, [told])[0]

    def ls(self, job_id: str, after: int = 0, limit: int | None = None) -> list[Review]:
        """The log in its order, from behind the entry number `after`."""
        with self._database.read() as connection:
            get_row(connection, job_id)
            return _read(connection, job_id, after, limit)

    def last(self, job_id: str) -> int:
        """The number of the newest entry; 0: there is none."""
        with self._database.read() as connection:
            get_row(connection, job_id)
            return _newest(connection, job_id)

    def standing(self, job_id: str, upto: int | None = None) -> list[Review]:
        """Every verdict that was not taken back, as of entry `upto` (default: now)."""
        entries = [review for review in self.ls(job_id) if upto is None or review.number <= upto]
        taken = {review.withdraws for review in entries}
        return [review for review in entries if review.withdraws is None and review.number not in taken]

    def counts(self, job_ids: Sequence[str]) -> dict[str, int]:
        """How many pairs of each job were spoken of; a job that nothing was said of is left out."""
        pairs = (
            select(reviews.c.job_id, reviews.c.query_id, reviews.c.passage_id).where(reviews.c.job_id.in_(job_ids)).distinct().subquery()
        )
        with self._database.read() as connection:
            rows = connection.execute(select(pairs.c.job_id, func.count()).group_by(pairs.c.job_id)).all()
        return {row[0]: row[1] for row in rows}

    def dataset(self, job_id: str) -> Dataset:
        """The texts of a job's run. NotFound, Conflict where there is none."""
        with self._database.read() as connection:
            job = get_row(connection, job_id)
        if job.kind not in REVIEWED or job.state != "succeeded":
            raise Conflict(f"there is nothing to review: this job is {job.state}, of kind {job.kind}")
        return Dataset.open(self.folder(job_id) / "dataset")

    def folder(self, job_id: str) -> Path:
        """The run folder of a job that has one."""
        return self._jobs / job_id / "run"


def verdict_file(standing: Sequence[Review]) -> bytes:
    """The library's verdict file."""
    lines = (Verdict(r.query_id, r.passage_id, r.verdict, r.said_by, datetime.fromtimestamp(r.at, UTC).isoformat()) for r in standing)
    return b"".join(verdict.line() for verdict in lines)


def check_known(dataset: Dataset, said: Sequence[Verdict]) -> None:
    """InputError for the first id that is not in the run."""
    sides: tuple[tuple[str, Texts, list[str]], ...] = (
        ("query", dataset.queries, [verdict.query_id for verdict in said]),
        ("passage", dataset.corpus, [verdict.passage_id for verdict in said]),
    )
    for kind, texts, ids in sides:
        for place, row in enumerate(rows_of(texts, ids).tolist()):
            if row < 0:
                raise InputError(f"verdict {place + 1}: there is no {kind} '{ids[place][:100]}' in this run")


def _last(connection: Connection, job_id: str, seen: int | None) -> int:
    """The newest number; nobody else adds one before this transaction ends."""
    get_row(connection, job_id, lock=True)
    last = _newest(connection, job_id)
    if seen is not None and seen != last:
        raise Moved(f"the reviews have gone on: the last one is number {last}, you know of {seen}")
    return last


def _newest(connection: Connection, job_id: str) -> int:
    return int(connection.execute(select(func.max(reviews.c.number)).where(reviews.c.job_id == job_id)).scalar() or 0)


def _added(connection: Connection, job_id: str, entries: list[Review]) -> list[Review]:
    if entries:
        connection.execute(reviews.insert(), [{**vars(entry), "job_id": job_id} for entry in entries])
    return entries


def _read(connection: Connection, job_id: str, after: int = 0, limit: int | None = None) -> list[Review]:
    columns = [reviews.c[field.name] for field in fields(Review)]
    wanted = select(*columns).where(reviews.c.job_id == job_id, reviews.c.number > after).order_by(reviews.c.number).limit(limit)
    return [Review(**row) for row in connection.execute(wanted).mappings()]

"""What the formats share: anchors with their texts on the way out, `TrainingRow` on the way in, and the names of the columns.

Every text of a block is fetched once, in bulk, whatever the number of rows it appears in.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
import orjson
from numpy.typing import NDArray

from miner.errors import InputError
from miner.types import Dataset, Floats, Ints, Negatives, Rows, Texts

RESERVED = re.compile(r"(anchor|positive)(_id)?|negative(_[0-9]+|_ids?)?|passage_ids?|(label|score|rank|tier)s?")
"""Column names that are ours in every format, written or not: a trainer reads `label` or `score` whoever put it there."""


@dataclass(frozen=True)
class TrainingRow:
    """One query with passages, as any of the formats states it; `labels`, `ids`, `scores`, `ranks`, `tiers` go with `passages`.

    labels: 1 positive, 0 negative, None where a file of scored pairs does not say. ids, scores, ranks, tiers: empty where the file
    has none; rank and tier of a positive are 0. extra: the user's own columns.
    """

    query: str
    passages: tuple[str, ...]
    labels: tuple[int | None, ...]
    query_id: str | None = None
    ids: tuple[str, ...] = ()
    scores: tuple[float | None, ...] = ()
    ranks: tuple[int, ...] = ()
    tiers: tuple[int, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def positives(self) -> tuple[str, ...]:
        """The passages labelled 1."""
        return tuple(text for text, label in zip(self.passages, self.labels, strict=True) if label == 1)

    @property
    def negatives(self) -> tuple[str, ...]:
        """The passages labelled 0."""
        return tuple(text for text, label in zip(self.passages, self.labels, strict=True) if label == 0)


class Format(Protocol):
    """One shape of training file. A module is one: two functions."""

    def write(self, dataset: Dataset, negatives: Negatives, columns: Collection[str]) -> Iterator[dict[str, Any]]:
        """Rows of one block of anchors, in their order; `columns` names what is added to each."""
        ...

    def read(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[TrainingRow]:
        """What `write` wrote. InputError names the row and the column that is missing."""
        ...


class Query(NamedTuple):
    """A query as it is written."""

    row: int
    text: str
    id: str


class Passage(NamedTuple):
    """A passage as it is written. score None: not known. rank and tier are 0 and extra may be filled for a positive."""

    row: int
    text: str
    id: str
    score: float | None
    rank: int = 0
    tier: int = 0
    extra: Mapping[str, Any] = {}


class Anchor(NamedTuple):
    """A query with its positives, and the negatives found for it."""

    query: Query
    positives: list[Passage]
    negatives: list[Passage]


def anchors(dataset: Dataset, negatives: Negatives, columns: Collection[str]) -> Iterator[Anchor]:
    """The block's anchors in their order, padding left out. Ids and extras are fetched only if `columns` asks for them."""
    with_ids = "ids" in columns
    queries = _fetch(dataset.queries, negatives.queries, with_ids)
    passages = _fetch(dataset.corpus, np.concatenate([negatives.positives.ravel(), negatives.rows.ravel()]), with_ids)
    extras = _extras(dataset, negatives.queries) if "extra" in columns else {}
    lists = zip(
        negatives.queries.tolist(),
        negatives.positives.tolist(),
        shortest(negatives.positive_scores),
        negatives.rows.tolist(),
        shortest(negatives.scores),
        negatives.ranks.tolist(),
        negatives.tiers.tolist(),
        strict=True,
    )
    for query, positives, positive_scores, rows, scores, ranks, tiers in lists:
        yield Anchor(
            Query(query, *queries[query]),
            [
                Passage(row, *passages[row], score, 0, 0, extras.get((query, row), {}))
                for row, score in zip(positives, positive_scores, strict=True)
                if row >= 0
            ],
            [Passage(row, *passages[row], *rest) for row, *rest in zip(rows, scores, ranks, tiers, strict=True) if row >= 0],
        )


def shortest(scores: Floats) -> list[list[float | None]]:
    """Each float32 as the shortest decimal that gives the same float32 back; None where it is not finite."""
    flat: NDArray[np.object_] = scores.astype(np.float32).astype("U24").astype(np.float64).astype(object)
    flat[~np.isfinite(scores)] = None
    values: list[list[float | None]] = flat.tolist()
    return values


def add_extra(row: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """`row` with the user's own columns; a name of ours, or one that is taken, gets the prefix extra_."""
    for name, value in extra.items():
        free = name
        while free in row or RESERVED.fullmatch(free) or (free != name and free in extra):
            free = f"extra_{free}"
        row[free] = value
    return row


def own_columns(row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a training row that are the user's."""
    return {name: value for name, value in row.items() if not RESERVED.fullmatch(name)}


def numbered(rows: Iterable[Mapping[str, Any]], *required: str) -> Iterator[Mapping[str, Any]]:
    """The rows, each checked for the columns a format cannot do without; InputError names the row, counted from 1."""
    for number, row in enumerate(rows, start=1):
        for name in required:
            if row.get(name) is None:
                raise InputError(f"row {number} has no '{name}'; it has: {', '.join(row) or 'nothing'}")
        yield row


def _fetch(texts: Texts, rows: Ints | Rows, with_ids: bool) -> dict[int, tuple[str, str]]:
    """(text, id) of every row that occurs; the id is empty unless asked for."""
    unique: Ints = np.unique(rows[rows >= 0]).astype(np.int64)
    found = texts.texts(unique)
    ids = texts.ids(unique) if with_ids else [""] * len(found)
    return dict(zip(unique.tolist(), zip(found, ids, strict=True), strict=True))


def _extras(dataset: Dataset, queries: Ints) -> dict[tuple[int, int], dict[str, Any]]:
    """The user's other columns of every judgement of `queries`, by (query, passage)."""
    qrels = dataset.qrels
    if qrels.extras is None:
        return {}
    found: dict[tuple[int, int], dict[str, Any]] = {}
    for query in np.unique(queries).tolist():
        for place in range(int(qrels.indptr[query]), int(qrels.indptr[query + 1])):
            if extra := qrels.extras[place]:
                found[query, int(qrels.rows[place])] = orjson.loads(extra)
    return found

"""What the formats share: anchors with their texts on the way out, `TrainingRow` on the way in, and the names of the columns.

Every text of a block is fetched once, in bulk, whatever the number of rows it appears in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from miner.types import Dataset, Floats, Ints, Negatives, Rows, Texts, join_title

RESERVED = re.compile(r"(anchor|positive)(_id)?|negative(_[0-9]+|_ids?)?|passage_ids?|(label|score|rank|tier)s?|sources")
"""Column names that are ours in every format, written or not: a trainer reads `label` or `score` whoever put it there."""


class Repair(NamedTuple):
    """A wrong value that can mean one thing only, and was read as that: which rule of the linter's it breaks, where, and how."""

    rule: str
    where: str
    message: str


@dataclass(frozen=True)
class TrainingRow:
    """One query with passages, as any of the formats states it; `labels`, `ids`, `scores`, `ranks`, `tiers` go with `passages`.

    labels: 1 positive, 0 negative, None where a file of scored pairs does not say. ids, scores, ranks, tiers: empty where the file
    has none; rank and tier of a positive are 0. extra: the user's own columns. where: the row's place in its file. columns: the names of
    all its columns, in their order. repairs: what was wrong and is read as it was meant.
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
    where: str = ""
    columns: tuple[str, ...] = ()
    repairs: tuple[Repair, ...] = ()

    @property
    def positives(self) -> tuple[str, ...]:
        """The passages labelled 1."""
        return tuple(text for text, label in zip(self.passages, self.labels, strict=True) if label == 1)

    @property
    def negatives(self) -> tuple[str, ...]:
        """The passages labelled 0."""
        return tuple(text for text, label in zip(self.passages, self.labels, strict=True) if label == 0)


COLUMNS = frozenset({"ids", "scores", "ranks", "tiers", "sources", "extra"})


@dataclass(frozen=True)
class Table:
    """A file of a folder in which something is looked up: `file`, its `key` columns, and the columns `value` is joined from."""

    file: str
    key: tuple[str, ...]
    value: tuple[str, ...]
    names: tuple[str, ...] = ()
    needed: bool = True


@dataclass(frozen=True)
class Layout:
    """The files of a folder. Names are fixed: trainers look for them.

    main: the file whose rows are training rows; also: others that are written row by row, and are there even when no row comes.
    names: the main file's columns where it does not name them; inside: where the rows of a .json file are.
    beside: the other files, which follow from the dataset alone, as (file, rows). tables: what is looked up by id, by name.
    ends: what stands before and after the rows of a file: column names, or the JSON object they are part of.
    """

    main: str
    beside: Callable[[Dataset], Iterator[tuple[str, Iterable[Any]]]]
    tables: Mapping[str, Table]
    also: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    inside: str = "item"
    ends: Mapping[str, tuple[bytes, bytes]] = field(default_factory=dict)


Unit = Literal["triplet", "pair", "anchor", "passage", "judgement"]
"""What a row holds beside its query: one positive and one negative; one positive and all negatives; all of both; one passage; one
passage by ids, which is a row of its own for every query id."""


@dataclass(frozen=True)
class Format:
    """One shape of training file.

    write: rows of one block of anchors, in their order; the third argument names what is added to each. Of a folder: (file, row).
    read: one row of the (main) file as a TrainingRow; InputError says what is wrong with it. Of a folder: with the texts beside it.
    knows: whether a row, by its columns, is of this shape. runs: rows of one query that follow each other are one TrainingRow.
    unit: what one row holds. full: rows that ran short have no place. by_position: a trainer takes the columns by their order.
    only: the columns there may be, where a trainer takes every other for a text.
    kind: the suffix of a file nobody named. room: which COLUMNS it can carry. layout: the files of a folder, where it takes several.
    """

    write: Callable[[Dataset, Negatives, Collection[str]], Iterator[Any]]
    read: Callable[..., TrainingRow]
    knows: Callable[[Mapping[str, Any]], bool] = lambda row: False
    runs: bool = False
    kind: str = ".jsonl"
    room: frozenset[str] = COLUMNS
    layout: Layout | None = None
    unit: Unit = "anchor"
    full: bool = False
    by_position: bool = False
    only: tuple[str, ...] = ()

    def least(self, negatives: int) -> int:
        """How many negatives a row needs to be written, where `negatives` are asked for."""
        return negatives if self.full else 1


class Query(NamedTuple):
    """A query as it is written."""

    row: int
    text: str
    id: str


class Passage(NamedTuple):
    """A passage as it is written. score None: not known. rank and tier are 0 and extra may be filled for a positive.

    sources: `name:rank` of every source that found it, in the order of the config.
    """

    row: int
    title: str
    body: str
    id: str
    score: float | None
    rank: int = 0
    tier: int = 0
    sources: tuple[str, ...] = ()
    extra: Mapping[str, Any] = {}

    @property
    def text(self) -> str:
        """Title and body, joined as they were encoded."""
        return join_title(self.title, self.body)


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
        _sources(negatives) if "sources" in columns else [[()] * negatives.rows.shape[1]] * len(negatives),
        strict=True,
    )
    for query, positives, positive_scores, rows, scores, *more in lists:
        yield Anchor(
            Query(query, join_title(*queries[query][:2]), queries[query][2]),
            [
                Passage(row, *passages[row], score, 0, 0, (), extras.get((query, row), {}))
                for row, score in zip(positives, positive_scores, strict=True)
                if row >= 0
            ],
            [Passage(row, *passages[row], *rest) for row, *rest in zip(rows, scores, *more, strict=True) if row >= 0],
        )


def _sources(negatives: Negatives) -> list[list[tuple[str, ...]]]:
    """`name:rank` of every source that found each negative."""
    names, count = list(negatives.sources), negatives.rows.shape[1]
    ranks = np.stack([negatives.sources[name] for name in names], axis=-1).tolist() if names else [[()] * count] * len(negatives)
    return [[tuple(f"{name}:{rank}" for name, rank in zip(names, each, strict=True) if rank) for each in row] for row in ranks]


def shortest(scores: Floats) -> list[list[float | None]]:
    """Each float32 as the shortest decimal that gives the same float32 back; None where it is not finite."""
    flat: NDArray[np.object_] = scores.astype(np.float32).astype("U24").astype(np.float64).astype(object)
    flat[~np.isfinite(scores)] = None
    values: list[list[float | None]] = flat.tolist()
    return values


def add_extra(row: dict[str, Any], extra: Mapping[str, Any], reserved: re.Pattern[str] = RESERVED) -> dict[str, Any]:
    """`row` with the user's own columns; a name of ours, or one that is taken, gets the prefix extra_."""
    for name, value in extra.items():
        free = name
        while free in row or reserved.fullmatch(free) or (free != name and free in extra):
            free = f"extra_{free}"
        row[free] = value
    return row


def own_columns(row: Mapping[str, Any], reserved: re.Pattern[str] = RESERVED, *taken: str) -> dict[str, Any]:
    """The columns of a training row that are the user's."""
    return {name: value for name, value in row.items() if not reserved.fullmatch(name) and name not in taken}


def merged_extra(positives: Iterable[Passage]) -> dict[str, Any]:
    """The user's own columns where several positives share a row: of each column, the first positive's that has it."""
    merged: dict[str, Any] = {}
    for positive in positives:
        merged = {**positive.extra, **merged}
    return merged


def _fetch(texts: Texts, rows: Ints | Rows, with_ids: bool) -> dict[int, tuple[str, str, str]]:
    """(title, body, id) of every row that occurs; the id is empty unless asked for."""
    unique: Ints = np.unique(rows[rows >= 0]).astype(np.int64)
    titles = (title or "" for title in texts.column("title", unique))
    ids = texts.ids(unique) if with_ids else [""] * len(unique)
    return dict(zip(unique.tolist(), zip(titles, texts.column("text", unique), ids, strict=True), strict=True))


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

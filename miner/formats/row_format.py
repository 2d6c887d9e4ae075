"""The base of the formats: anchors with their texts for writing, `TrainingRow` for reading, and the names of the columns.

The texts of a block are fetched once, in bulk, however many rows they appear in.
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

JsonRow = dict[str, Any]
"""A row of a training file by column; its values are JSON values, those of the user's columns too."""

RESERVED = re.compile(r"(anchor|positive)(_id)?|negative(_[0-9]+|_ids?)?|passage_ids?|(label|score|rank|tier)s?|sources")
"""Column names that no user column may have in any format: a trainer reads a column `label` or `score` by its name."""


class Repair(NamedTuple):
    """A wrong value with one possible meaning, which was read as that. rule: the linter's rule; where: its location."""

    rule: str
    where: str
    message: str


@dataclass(frozen=True)
class TrainingRow:
    """One query with its passages, read from any format; `labels`, `ids`, `scores`, `ranks`, `tiers` are parallel to `passages`.

    labels: 1 positive, 0 negative, None where a file of scored pairs does not tell.
    ids, scores, ranks, tiers: empty where the file has none; rank and tier of a positive are 0.
    extra: the user's columns.
    where: the row's location in its file.
    columns: the names of all its columns, in their order.
    repairs: wrong values that were repaired.
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
class LookupTable:
    """A lookup file of a folder.

    key: its key columns.
    value: the columns that are joined to the value: the title, if any, and the text.
    names: the columns of a file without a header.
    is_required: whether the folder is invalid without it.
    """

    file: str
    key: tuple[str, ...]
    value: tuple[str, ...]
    names: tuple[str, ...] = ()
    is_required: bool = True


@dataclass(frozen=True)
class Layout:
    """The files of a folder. Their names are fixed, since trainers read them by name.

    main: the file whose rows are training rows.
    companions: function that yields the files that follow from the dataset alone, as (file, rows).
    tables: the lookup files, by name.
    also: other files that are written row by row, and exist even without rows.
    names: the main file's columns where it has no header.
    inside: path of the rows in a .json file.
    ends: the bytes before and after the rows of a file: column names, or the JSON object around the rows.
    """

    main: str
    companions: Callable[[Dataset], Iterator[tuple[str, Iterable[Any]]]]
    tables: Mapping[str, LookupTable]
    also: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    inside: str = "item"
    ends: Mapping[str, tuple[bytes, bytes]] = field(default_factory=dict)


Unit = Literal["triplet", "pair", "anchor", "passage", "judgement"]
"""The content of a row beside its query: one positive and one negative; one positive and all negatives; all of both; one passage; one
passage by ids, with a row for every query id."""


@dataclass(frozen=True)
class Format:
    """One format of training files.

    write: function of (dataset, one block of anchors, columns to add) that yields rows; in a folder, (file, row).
    read: function of (row), in a folder of (row, lookup tables), that returns a TrainingRow, or raises InputError.
    matches: whether a row, by its columns, has this format.
    runs: whether consecutive rows of one query are one TrainingRow.
    kind: the default suffix of the file.
    optional_columns: which of COLUMNS it can contain.
    layout: the files of the folder, where the format is a folder.
    unit: the content of a row.
    full: whether rows need all their negatives.
    by_position: whether a trainer reads the columns by their order.
    only: the allowed columns, where a trainer reads every other column as a text.
    """

    write: Callable[[Dataset, Negatives, Collection[str]], Iterator[Any]]
    read: Callable[..., TrainingRow]
    matches: Callable[[Mapping[str, Any]], bool] = lambda row: False
    runs: bool = False
    kind: str = ".jsonl"
    optional_columns: frozenset[str] = COLUMNS
    layout: Layout | None = None
    unit: Unit = "anchor"
    full: bool = False
    by_position: bool = False
    only: tuple[str, ...] = ()

    def min_negatives(self, negatives: int) -> int:
        """Return the number of negatives that a row needs to be written. negatives: the number per anchor in the settings."""
        return negatives if self.full else 1


class Query(NamedTuple):
    """A query with its text. row: in the dataset's queries."""

    row: int
    text: str
    id: str


class Passage(NamedTuple):
    """A passage with its text.

    row: in the corpus.
    score: None where it is unknown.
    rank, tier: 0 for a positive.
    sources: `name:rank` of every source that retrieved it, in the order of the config.
    extra: the user's columns of the judgement, for a positive.
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
        """Title and body, joined as for the encoder."""
        return join_title(self.title, self.body)


class Anchor(NamedTuple):
    """A query with its positives and hard negatives."""

    query: Query
    positives: list[Passage]
    negatives: list[Passage]


def anchors(dataset: Dataset, negatives: Negatives, columns: Collection[str]) -> Iterator[Anchor]:
    """Yield the block's anchors in their order, without padding. Ids and extras are fetched only where `columns` contains them."""
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
    for query, positives, positive_scores, rows, scores, *details in lists:
        yield Anchor(
            Query(query, join_title(*queries[query][:2]), queries[query][2]),
            [
                Passage(row, *passages[row], score, 0, 0, (), extras.get((query, row), {}))
                for row, score in zip(positives, positive_scores, strict=True)
                if row >= 0
            ],
            [Passage(row, *passages[row], *rest) for row, *rest in zip(rows, scores, *details, strict=True) if row >= 0],
        )


def _sources(negatives: Negatives) -> list[list[tuple[str, ...]]]:
    """Return `name:rank` of every source that retrieved each negative."""
    names, count = list(negatives.sources), negatives.rows.shape[1]
    ranks = np.stack([negatives.sources[name] for name in names], axis=-1).tolist() if names else [[()] * count] * len(negatives)
    return [
        [
            tuple(f"{name}:{rank}" for name, rank in zip(names, ranks_of_negative, strict=True) if rank)
            for ranks_of_negative in ranks_of_anchor
        ]
        for ranks_of_anchor in ranks
    ]


def shortest(scores: Floats) -> list[list[float | None]]:
    """Return each float32 as the shortest decimal with the same float32 value; None where it is not finite."""
    flat: NDArray[np.object_] = scores.astype(np.float32).astype("U24").astype(np.float64).astype(object)
    flat[~np.isfinite(scores)] = None
    values: list[list[float | None]] = flat.tolist()
    return values


def add_extra(row: JsonRow, extra: Mapping[str, Any], reserved: re.Pattern[str] = RESERVED) -> JsonRow:
    """Add the user's columns to `row`; a reserved name, or one that the row has, gets the prefix extra_."""
    for name, value in extra.items():
        unique = name
        while unique in row or reserved.fullmatch(unique) or (unique != name and unique in extra):
            unique = f"extra_{unique}"
        row[unique] = value
    return row


def own_columns(row: Mapping[str, Any], reserved: re.Pattern[str] = RESERVED, *patterns: str) -> JsonRow:
    """Return the user's columns of a training row."""
    return {name: value for name, value in row.items() if not reserved.fullmatch(name) and name not in patterns}


def merged_extra(positives: Iterable[Passage]) -> JsonRow:
    """Merge the user's columns of several positives in a row: each column's value is that of the first positive with it."""
    merged: JsonRow = {}
    for positive in positives:
        merged = {**positive.extra, **merged}
    return merged


def _fetch(texts: Texts, rows: Ints | Rows, with_ids: bool) -> dict[int, tuple[str, str, str]]:
    """Return (title, body, id) by row; the id is empty unless `with_ids`."""
    unique: Ints = np.unique(rows[rows >= 0]).astype(np.int64)
    titles = (title or "" for title in texts.column("title", unique))
    ids = texts.ids(unique) if with_ids else [""] * len(unique)
    return dict(zip(unique.tolist(), zip(titles, texts.column("text", unique), ids, strict=True), strict=True))


def _extras(dataset: Dataset, queries: Ints) -> dict[tuple[int, int], JsonRow]:
    """Return the user's columns of every judgement of `queries`, by (query, passage)."""
    qrels = dataset.qrels
    if qrels.extras is None:
        return {}
    extras: dict[tuple[int, int], JsonRow] = {}
    for query in np.unique(queries).tolist():
        for place in range(int(qrels.indptr[query]), int(qrels.indptr[query + 1])):
            if extra := qrels.extras[place]:
                extras[query, int(qrels.rows[place])] = orjson.loads(extra)
    return extras

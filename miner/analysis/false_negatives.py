"""Positives that a run did not know, from a file of them, and how many of its negatives are such."""

from __future__ import annotations

from typing import Any, ClassVar, NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

from miner.read import Truth
from miner.report.distribution import share
from miner.sources.dense import distinct
from miner.types import Bools, Candidates, Dataset, Ints, Negatives, Rows


class HiddenStats(TypedDict):
    """Numbers of hidden positives.

    pairs, queries: the hidden positives, and the queries that have one.
    retrieved: the share of the pairs that pass 1 retrieved.
    unknown: pairs of the file that name no query or no passage of the run.
    random: the false-negative rate of random passages.
    known: pairs of the file that the run knew from another split.
    """

    pairs: int
    queries: int
    retrieved: float | None
    unknown: int
    random: float | None
    known: NotRequired[int]


def exclude_known(dataset: Dataset, truth: Truth) -> Truth:
    """The truth without the pairs that the run knew from another split or from a query with the same text: those are never mined."""
    same = dataset.qrels.same_questions
    if same is None:
        return truth
    text_rows, position = distinct(dataset.corpus)
    group = np.repeat(np.arange(len(same.indptr) - 1), np.diff(same.indptr))
    truth_groups = same.group[truth.queries].astype(np.int64)  # -1: no group; its keys are negative and match none
    is_known = np.isin(truth_groups * len(text_rows) + position[truth.passages], group * len(text_rows) + position[same.rows])
    return Truth(truth.queries[~is_known], truth.passages[~is_known], truth.unknown)


class HiddenPositives:
    """Pairs that are relevant though the run did not know: neither its positives nor passages with the same text as one."""

    def __init__(self, dataset: Dataset, truth: Truth) -> None:
        rows, self._position = distinct(dataset.corpus)
        self._texts, self._unknown = len(rows), truth.unknown
        owners = np.repeat(np.arange(len(dataset.queries)), np.diff(dataset.qrels.indptr))
        is_positive = dataset.qrels.grades >= dataset.qrels.min_grade
        known_keys = self._keys(owners[is_positive], dataset.qrels.rows[is_positive])
        self._pairs = np.setdiff1d(self._keys(truth.queries, truth.passages), known_keys)
        self.queries: Bools = np.zeros(len(dataset.queries), dtype=bool)
        self.queries[self._pairs // self._texts] = True
        positives = np.bincount(known_keys // self._texts, minlength=len(self.queries))[self.queries]
        hidden_counts = np.bincount(self._pairs // self._texts, minlength=len(self.queries))[self.queries]
        self.random = float((hidden_counts / (self._texts - positives)).mean()) if len(hidden_counts) else None
        self._is_retrieved = np.zeros(len(self._pairs), dtype=bool)

    def among(self, queries: Ints, rows: Rows) -> Bools:
        """Shape (B, M): True where a passage is relevant to its query and was hidden."""
        return self._places(queries, rows) >= 0

    def count_retrieved(self, part: Candidates) -> None:
        """Note the hidden positives among the candidates: only these can become negatives. A second search of them counts once."""
        places = self._places(part.queries, part.rows)
        self._is_retrieved[places[places >= 0]] = True

    def describe(self) -> HiddenStats:
        """The numbers of hidden positives, and the share that was retrieved."""
        return {
            "pairs": len(self._pairs),
            "queries": int(self.queries.sum()),
            "retrieved": share(int(self._is_retrieved.sum()), len(self._pairs)),
            "unknown": self._unknown,
            "random": self.random,
        }

    def _places(self, queries: Ints, rows: Rows) -> Ints:
        """Shape (B, M): the number of the hidden pair, -1 where it is none."""
        if not len(self._pairs):
            return np.full(rows.shape, -1, dtype=np.int64)
        keys = self._keys(queries[:, None], rows)
        places = np.minimum(np.searchsorted(self._pairs, keys), len(self._pairs) - 1)
        hidden: Ints = np.where((self._pairs[places] == keys) & (rows >= 0), places, -1)
        return hidden

    def _keys(self, queries: NDArray[Any], rows: NDArray[Any]) -> Ints:
        keys: Ints = queries.astype(np.int64) * self._texts + self._position[rows]
        return keys


class FalseNegativeCounts:
    """Negatives and false negatives per query (Q,), of queries with hidden positives, and per range of ranks."""

    BUCKETS: ClassVar[dict[str, int]] = {"1-5": 5, "6-10": 10, "11-30": 30, "31-100": 100, "101-": 2**31}
    """Each range of ranks, and its last rank."""

    def __init__(self, queries: int) -> None:
        self.false, self.all = np.zeros(queries, dtype=np.int64), np.zeros(queries, dtype=np.int64)
        self.false_by_rank, self.all_by_rank = (np.zeros(len(self.BUCKETS), dtype=np.int64) for _ in "fa")

    def add(self, negatives: Negatives, hidden: HiddenPositives) -> None:
        """Count the negatives of one block."""
        is_counted = hidden.queries[negatives.queries][:, None] & (negatives.rows >= 0)
        false = hidden.among(negatives.queries, negatives.rows) & is_counted
        np.add.at(self.false, negatives.queries, false.sum(axis=1))
        np.add.at(self.all, negatives.queries, is_counted.sum(axis=1))
        bucket = np.searchsorted(list(self.BUCKETS.values()), negatives.ranks)
        self.false_by_rank += np.bincount(bucket[false], minlength=len(self.BUCKETS))
        self.all_by_rank += np.bincount(bucket[is_counted], minlength=len(self.BUCKETS))

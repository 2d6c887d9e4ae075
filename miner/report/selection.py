"""The negatives of a run as arrays over anchors and (anchor, positive) pairs, with the quantities that several statistics need."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self, TypedDict

import numpy as np

from miner.types import Bools, Codes, Dataset, Floats, Ints, Priority, Rows

MAX_LISTED_IDS = 100


class IncompleteQueries(TypedDict):
    """The number of queries, and the first ids."""

    total: int
    ids: list[str]


@dataclass(frozen=True)
class ChosenNegatives:
    """A anchors with their negatives (A, M), R pairs of an anchor and a positive, S anchors with fewer than M under the strict rules.

    width: M.
    queries: int32 (A,). rows, scores, ranks, tiers: (A, M); row -1 where there is no negative.
    pair_anchors: int64 (R,), positions among the anchors. pair_rows, pair_scores: (R,), the positives.
    pair_beyond: (R,), True where the positive scores below the candidate at rank `depth`.
    short_anchors: int64 (S,), positions among the anchors. short_drops: int32 (S, F), candidates dropped by each of F filters.
    """

    width: int
    queries: Rows
    rows: Rows
    scores: Floats
    ranks: Rows
    tiers: Codes
    pair_anchors: Ints
    pair_rows: Rows
    pair_scores: Floats
    pair_beyond: Bools
    short_anchors: Ints
    short_drops: Rows

    @classmethod
    def empty(cls, width: int, filters: int) -> Self:
        """No anchors."""
        no_anchors, no_negatives, no_pairs = np.zeros(0, np.int32), np.zeros((0, width), np.int32), np.zeros(0, np.int64)
        anchors = (no_anchors, no_negatives, no_negatives.astype(np.float32), no_negatives, no_negatives.astype(np.uint8))
        pairs = (no_pairs, no_anchors, no_anchors.astype(np.float32), no_anchors.astype(np.bool_))
        return cls(width, *anchors, *pairs, no_pairs, np.zeros((0, filters), np.int32))

    @cached_property
    def is_negative(self) -> Bools:
        """Shape (A, M): True where there is a negative."""
        is_negative: Bools = self.rows >= 0
        return is_negative

    @cached_property
    def counts(self) -> Ints:
        """Shape (A,): the number of negatives of each anchor."""
        counts: Ints = self.is_negative.sum(axis=1)
        return counts

    @cached_property
    def weakest(self) -> Priority:
        """Shape (A,): the score of the anchor's weakest positive, NaN where no score is known."""
        weakest = np.full(len(self.queries), np.nan)
        np.fmin.at(weakest, self.pair_anchors, self.pair_scores.astype(np.float64))
        return weakest

    @cached_property
    def margins(self) -> Priority:
        """Shape (A, M): weakest positive less negative, NaN where either is missing."""
        margins: Priority = np.where(self.is_negative, self.weakest[:, None] - self.scores, np.nan)
        return margins

    def incomplete_queries(self, dataset: Dataset) -> IncompleteQueries:
        """Queries with an anchor that has fewer than M negatives, the first of them by id."""
        short = np.unique(self.queries[self.counts < self.width])
        return {"total": len(short), "ids": sorted(dataset.queries.ids(short))[:MAX_LISTED_IDS]}

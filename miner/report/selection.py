"""Chosen: everything the tally kept, as arrays over anchors and (anchor, positive) pairs; the questions asked of them more than once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np

from miner.types import Bools, Codes, Dataset, Floats, Ints, Priority, Rows

SHOWN = 100


@dataclass(frozen=True)
class Chosen:
    """A anchors with their negatives (A, M), R pairs of an anchor and a positive, and S starved anchors with what was dropped from each.

    pair_anchors, starved_anchors: positions among the anchors. starved_reasons int32 (S, F): candidates dropped by each filter.
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
    starved_anchors: Ints
    starved_reasons: Rows

    @classmethod
    def nothing(cls, width: int, filters: int) -> Self:
        """No anchors at all."""
        flat, wide, none = np.zeros(0, np.int32), np.zeros((0, width), np.int32), np.zeros(0, np.int64)
        anchors = (flat, wide, wide.astype(np.float32), wide, wide.astype(np.uint8))
        pairs = (none, flat, flat.astype(np.float32), flat.astype(np.bool_))
        return cls(width, *anchors, *pairs, none, np.zeros((0, filters), np.int32))

    @cached_property
    def found(self) -> Bools:
        """Shape (A, M): True where there is a negative."""
        there: Bools = self.rows >= 0
        return there

    @cached_property
    def counts(self) -> Ints:
        """Shape (A,): negatives of each anchor."""
        counts: Ints = self.found.sum(axis=1)
        return counts

    @cached_property
    def weakest(self) -> Priority:
        """Shape (A,): the score of the anchor's weakest positive, NaN where none is known."""
        weakest = np.full(len(self.queries), np.nan)
        np.fmin.at(weakest, self.pair_anchors, self.pair_scores.astype(np.float64))
        return weakest

    @cached_property
    def margins(self) -> Priority:
        """Shape (A, M): weakest positive less negative, NaN where either is missing."""
        margins: Priority = np.where(self.found, self.weakest[:, None] - self.scores, np.nan)
        return margins

    def ran_short(self, dataset: Dataset) -> dict[str, Any]:
        """How many queries have an anchor with fewer than M negatives, and the first of them by id."""
        short = np.unique(self.queries[self.counts < self.width])
        return {"total": len(short), "ids": sorted(dataset.queries.ids(short))[:SHOWN]}

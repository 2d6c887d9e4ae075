"""Maximal marginal relevance (Carbonell, Goldstein 1998): hard, and unlike what was already taken. Four copies teach what one does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from miner.errors import ConfigError
from miner.samplers.draws import LAST_RESORT_PENALTY, among_first
from miner.types import Bools, Candidates, Noise, Priority

ANCHORS_PER_BATCH = 256
"""Anchors whose vectors are held at the same time."""


@dataclass(frozen=True)
class Diverse:
    """Take one after the other what has the highest `balance` x score - (1 - balance) x largest cosine with what was taken.

    Among the `first` that were kept; the others follow, best first. Scores of models that are not on a cosine's scale are divided by
    the largest. Needs the passages' vectors in pass 2. Ties go to the better ranked.
    """

    balance: float = 0.7
    first: int = 40
    needs: ClassVar[tuple[str, ...]] = ("vectors",)

    def __post_init__(self) -> None:
        if not 0 <= self.balance <= 1 or self.first < 1:
            raise ConfigError(f"sampler 'diverse' wants 0 <= balance <= 1 and first >= 1, got balance={self.balance}, first={self.first}")

    def __call__(self, candidates: Candidates, keep: Bools, noise: Noise) -> Priority:
        """Return shape (B, K): higher is taken first."""
        pool = among_first(keep, self.first)
        priority: Priority = np.where(candidates.present, candidates.scores, 0).astype(np.float64) + LAST_RESORT_PENALTY
        # The pool's columns, best first; those of anchors with fewer come last and are never picked.
        columns = np.argsort(~pool, axis=1, kind="stable")[:, : self.first]
        for start in range(0, len(candidates), ANCHORS_PER_BATCH):
            batch = slice(start, start + ANCHORS_PER_BATCH)
            rows = np.take_along_axis(candidates.rows[batch], columns[batch], axis=1)
            scores = np.take_along_axis(candidates.scores[batch], columns[batch], axis=1).astype(np.float64)
            turns = self._turns(scores, np.take_along_axis(pool[batch], columns[batch], axis=1), candidates.shared["vectors"][rows])
            last_resort = np.take_along_axis(priority[batch], columns[batch], axis=1)
            np.put_along_axis(priority[batch], columns[batch], np.where(turns < 0, last_resort, -turns), axis=1)
        return priority

    def _turns(self, scores: Priority, free: Bools, vectors: NDArray[Any]) -> NDArray[np.int64]:
        """Shape (B, first): when each is taken, from 0; -1 for those outside the pool."""
        largest = np.where(free, np.abs(scores), 0).max(axis=1, keepdims=True, initial=1)
        worth = self.balance * np.where(free, scores, 0) / largest
        # Products and sums of float16 vectors of length one are exact in float64, so neither batch nor processor changes a bit.
        wide = vectors.astype(np.float64)
        cosines = wide @ wide.transpose(0, 2, 1)
        turns, nearest = np.full(free.shape, -1, dtype=np.int64), np.zeros(free.shape)
        for turn in range(free.shape[1]):
            anchors = np.flatnonzero(free.any(axis=1))
            if not len(anchors):
                break
            value = np.where(free, worth - (1 - self.balance) * nearest, -np.inf)
            picks = value[anchors].argmax(axis=1)
            turns[anchors, picks], free[anchors, picks] = turn, False
            nearest[anchors] = cosines[anchors, picks] if turn == 0 else np.maximum(nearest[anchors], cosines[anchors, picks])
        return turns

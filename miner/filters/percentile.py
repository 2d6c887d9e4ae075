"""A ceiling that needs no scale: where a candidate would stand among all known positives of the run.

For scores that are not calibrated (a reranker's logits, a model whose cosines lie between .7 and .9) a share of the score means little,
a share of the positives means the same everywhere (the idea is that of jansowa/mine-hard-negatives, which applies it to rerankers).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from miner.errors import ConfigError
from miner.filters.score import is_scored
from miner.types import Bools, Candidates, Priority


@dataclass(frozen=True)
class Percentile:
    """Drop candidates above the highest score among the lowest `beta` x F(r) of all known positives.

    r is the reference score, F(x) the share of positives that score x or less.

    A weak positive's ceiling never lies under the score of the lowest `floor` of all positives. An unknown reference score drops nothing.
    by: a second judge, by whose scores all this goes; what it has not scored is dropped.
    """

    beta: float = 0.7
    floor: float = 0.005
    relax: bool = False
    by: str | None = None
    needs: ClassVar[tuple[str, ...]] = ("population",)
    estimates_relevance: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not (0 < self.beta <= 1 and 0 <= self.floor <= 1):
            raise ConfigError(f"filter 'percentile' wants 0 < beta <= 1 and 0 <= floor <= 1, got beta={self.beta}, floor={self.floor}")

    def __call__(self, candidates: Candidates) -> Bools:
        """Return shape (B, K): True = keep."""
        return is_scored(candidates, self.by) & ~(candidates.by(self.by).scores > self.ceiling(candidates)[:, None])

    def at_raised_reference(self) -> Percentile:
        """The rule as it is."""
        return self

    def ceiling(self, candidates: Candidates) -> Priority:
        """Shape (B,) float64: the highest score that is kept, NaN where the reference, or every positive's score, is unknown."""
        candidates = candidates.by(self.by)
        population = candidates.shared["population"]
        if not len(population):
            return np.full(len(candidates), np.nan)
        share = np.searchsorted(population, candidates.reference_scores, side="right") / len(population)
        # The smallest score that so large a share of all positives do not exceed.
        at = np.ceil(np.maximum(self.beta * share, self.floor) * len(population)).astype(np.int64) - 1
        ceiling: Priority = population[np.clip(at, 0, len(population) - 1)].astype(np.float64)
        return np.where(np.isnan(candidates.reference_scores), np.nan, ceiling)

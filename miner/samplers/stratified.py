"""Every level of hardness alike (TAS-B's balanced margins, arXiv 2104.06967): bins of equal width between hardest and easiest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from miner.errors import ConfigError
from miner.types import Bools, Candidates, Noise, Priority

LOW_BITS = 2.0**26


@dataclass(frozen=True)
class Stratified:
    """Of the kept, cut into `bins` of equal width by score: one bin after the other in drawn order, one passage drawn from each; again.

    Every bin with a passage left has the same chance; empty ones are skipped. by: a second judge, whose scores are cut into bins: its
    whole range distils better than the top or random ones (arXiv 2604.04734).
    """

    bins: int = 10
    by: str | None = None
    needs: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if self.bins < 1:
            raise ConfigError(f"sampler 'stratified' wants bins >= 1, got {self.bins}")

    def __call__(self, candidates: Candidates, keep: Bools, noise: Noise) -> Priority:
        """Return shape (B, K): higher is taken first."""
        noise_values = noise()
        turns = self._turns(self._bins(candidates, keep), noise_values)
        # The low bits of the noise order the bins: the high ones have already ordered the passages within each.
        return np.where(keep, (noise_values * LOW_BITS) % 1 - turns, -1e9)

    def _bins(self, candidates: Candidates, keep: Bools) -> Priority:
        scores = candidates.by(self.by).scores.astype(np.float64)
        low = np.where(keep, scores, np.inf).min(axis=1, keepdims=True, initial=np.inf)
        high = np.where(keep, scores, -np.inf).max(axis=1, keepdims=True, initial=-np.inf)
        width = np.where(high > low, high - low, 1)
        places = np.where(keep, np.where(keep, scores - low, 0) / width, 0)
        bins: Priority = np.minimum(np.floor(places * self.bins), self.bins - 1)
        return np.where(keep, bins, self.bins)

    @staticmethod
    def _turns(bins: Priority, noise_values: Priority) -> Priority:
        """Shape (B, K): how many of the same bin are drawn before."""
        order = np.lexsort((noise_values, bins), axis=1)
        ranked = np.take_along_axis(bins, order, axis=1)
        at = np.broadcast_to(np.arange(bins.shape[1]), bins.shape)
        new = np.ones(bins.shape, dtype=bool)
        new[:, 1:] = ranked[:, 1:] != ranked[:, :-1]
        turns = np.empty(bins.shape)
        np.put_along_axis(turns, order, at - np.maximum.accumulate(np.where(new, at, 0), axis=1), axis=1)
        return turns

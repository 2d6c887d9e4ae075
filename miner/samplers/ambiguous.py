"""SimANS (arXiv 2210.11773): neither the hardest, which are often positives, nor the easy, but those that score about as the positive does.

Its weight exp(-a (gap - b)^2) was made for dot products that differ by whole units; on cosines it is flat. Here the gap is measured in
its own spread, which makes the same a and b mean the same for any model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from miner.errors import ConfigError
from miner.samplers.draws import LAST_RESORT_PENALTY, among_first, gumbel
from miner.types import Bools, Candidates, Noise, Priority


@dataclass(frozen=True)
class Ambiguous:
    """Draw among the `first` that were kept in proportion to exp(-a (gap / spread - b)^2), gap = score - bar.

    The spread is the standard deviation of their gaps, at least `floor`. What comes after them is taken last, best first.
    """

    a: float = 0.5
    b: float = 0.0
    first: int = 30
    floor: float = 0.02
    needs: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if self.a < 0 or self.first < 1 or self.floor <= 0:
            raise ConfigError(
                f"sampler 'ambiguous' wants a >= 0, first >= 1 and floor > 0, got a={self.a}, first={self.first}, floor={self.floor}"
            )

    def __call__(self, candidates: Candidates, keep: Bools, noise: Noise) -> Priority:
        """Return shape (B, K): higher is taken first."""
        pool = among_first(keep, self.first)
        reference = np.nan_to_num(candidates.reference_scores.astype(np.float64))[:, None]
        gaps = np.where(candidates.present, candidates.scores.astype(np.float64) - reference, 0)
        count = np.maximum(pool.sum(axis=1, keepdims=True), 1)
        mean = np.where(pool, gaps, 0).sum(axis=1, keepdims=True) / count
        spread = np.sqrt((np.where(pool, gaps - mean, 0) ** 2).sum(axis=1, keepdims=True) / count)
        weights = -self.a * (gaps / np.maximum(spread, self.floor) - self.b) ** 2  # logarithms of
        return np.where(pool, weights + gumbel(noise()), LAST_RESORT_PENALTY + gaps)

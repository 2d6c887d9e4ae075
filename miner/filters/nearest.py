"""The neighbours of the positive: a share of the candidates, whatever cosines mean to the model.

What is relevant without being judged lies near what is. At equal hardness (gradient mass) a window of ranks has fewer false negatives
than any ceiling under the positive's score, and with this filter before it fewer still (benchmarks/peer_rules.py): of candidates that
the query scores alike, those far from the positive are the safe ones. It also drops decoys, which resemble the positive and are wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from miner.errors import ConfigError
from miner.types import Bools, Candidates


@dataclass(frozen=True)
class Nearest:
    """Drop, of the first `first` candidates, the `share` that lies nearest to a known positive, and whatever lies as near further down.

    Known positives are not counted. A share that is less than one candidate, and a query without positives, drop nothing.
    """

    share: float = 0.5
    first: int = 200
    needs: ClassVar[tuple[str, ...]] = ("near_positive", "known_positive")
    guesses: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not (0 < self.share < 1 and self.first >= 1):
            raise ConfigError(f"filter 'nearest' wants 0 < share < 1 and first >= 1, got share={self.share}, first={self.first}")

    def __call__(self, candidates: Candidates) -> Bools:
        """Return shape (B, K): True = keep."""
        near = candidates.evidence["near_positive"]
        counted = candidates.present & ~np.isnan(near) & (candidates.evidence["known_positive"] == 0)
        counted[:, self.first :] = False
        falling = -np.sort(-np.where(counted, near, -np.inf), axis=1)
        dropped = np.floor(self.share * counted.sum(axis=1) + 1e-9).astype(np.int64)
        last = np.take_along_axis(falling, np.maximum(dropped - 1, 0)[:, None], axis=1)
        keep: Bools = ~(near >= np.where(dropped[:, None] > 0, last, np.inf))
        return keep

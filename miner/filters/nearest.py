"""The neighbours of the positive: a share of the candidates, whatever cosines mean to the model.

What is relevant without being judged lies near what is. At equal hardness (gradient mass) a window of ranks has fewer false negatives
than any ceiling under the positive's score, and with this filter before it fewer still (benchmarks/quality/peer_rules.py): of candidates
that the query scores alike, those far from the positive are the safe ones. It also drops decoys, which resemble the positive and are wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from miner.errors import ConfigError
from miner.types import Bools, Candidates, Floats


@dataclass(frozen=True)
class Nearest:
    """Drop, of the first `first` candidates, the `share` that lies nearest to a known positive, and whatever lies as near further down.

    Known positives are not counted. A share that is less than one candidate, and a query without positives, drop nothing.
    """

    share: float = 0.5
    first: int = 200
    relax: bool = False
    needs: ClassVar[tuple[str, ...]] = ("near_positive", "known_positive")
    estimates_relevance: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not (0 < self.share < 1 and self.first >= 1):
            raise ConfigError(f"filter 'nearest' wants 0 < share < 1 and first >= 1, got share={self.share}, first={self.first}")

    def __call__(self, candidates: Candidates) -> Bools:
        """Return shape (B, K): True = keep."""
        keep: Bools = ~(candidates.evidence["near_positive"] >= neighbour_cutoff(candidates, self.share, self.first))
        return keep


def neighbour_cutoff(candidates: Candidates, share: float, first: int) -> Floats:
    """Shape (B, 1): the smallest cosine to a known positive among the nearest `share` of the first `first` candidates; else infinity."""
    near = candidates.evidence["near_positive"]
    counted = candidates.present & ~np.isnan(near) & (candidates.evidence["known_positive"] == 0)
    counted[:, first:] = False
    falling = -np.sort(-np.where(counted, near, -np.inf), axis=1)
    nearest = np.floor(share * counted.sum(axis=1) + 1e-9).astype(np.int64)
    last = np.take_along_axis(falling, np.maximum(nearest - 1, 0)[:, None], axis=1)
    return np.where(nearest[:, None] > 0, last, np.inf).astype(np.float32)

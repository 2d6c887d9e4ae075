"""What the first source takes for relevant and the others do not: its own error, and so what it has most to learn from.

After R2anker (arXiv 2206.08063), whose negatives come from several retrievers. Scores of two sources cannot be compared, and neither can
how far they are spread (half of BM25's are 0), so that places are compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from miner.errors import ConfigError
from miner.samplers.draws import LAST_RESORT_PENALTY, among_first
from miner.types import Bools, Candidates, Floats, Ints, Noise, Priority

SCORE = "score:"
"""Evidence of each source but the first: what it scores the candidate."""


@dataclass(frozen=True)
class Disagreement:
    """Among the `first` that were kept: priority = mean over the other sources of (place there - place in the first source).

    place: how many of these candidates score higher in that source, from 0; equal scores share it. Ties keep the order of retrieval.
    What comes after them is taken last, best first. No draw.
    """

    first: int = 30
    needs: ClassVar[tuple[str, ...]] = ("score",)

    def __post_init__(self) -> None:
        if self.first < 2:
            raise ConfigError(f"sampler 'disagreement' wants first >= 2, got {self.first}")

    def __call__(self, candidates: Candidates, keep: Bools, noise: Noise) -> Priority:
        """Return shape (B, K): higher is taken first."""
        pool = among_first(keep, self.first)
        first_places = _places(candidates.scores, pool)
        other_places = [_places(values, pool) for name, values in candidates.evidence.items() if name.startswith(SCORE)]
        scores = np.where(candidates.present, candidates.scores, 0).astype(np.float64)
        # A sum of whole numbers over their count: no order of adding changes a tie.
        priority: Priority = np.where(
            pool, (sum(other_places) - len(other_places) * first_places) / len(other_places), LAST_RESORT_PENALTY + scores
        )
        return priority


def _places(scores: Floats, pool: Bools) -> Ints:
    """Shape (B, K): how many of the pool score higher; outside it nothing that matters."""
    low = np.where(pool, -scores.astype(np.float64), np.inf)
    order = np.argsort(low, axis=1, kind="stable")
    ranked = np.take_along_axis(low, order, axis=1)
    new = np.ones(ranked.shape, dtype=bool)
    new[:, 1:] = ranked[:, 1:] != ranked[:, :-1]
    places = np.empty(ranked.shape, dtype=np.int64)
    np.put_along_axis(places, order, np.maximum.accumulate(np.where(new, np.arange(ranked.shape[1]), 0), axis=1), axis=1)
    return places

"""What several sources put near the positive or above it is probably relevant: they are wrong for different reasons.

Scores of two sources cannot be compared, so that each is held against its own ceiling: a share under what the query's weakest positive
scores there. No knob has a scale, and a source whose positive scores 0 (BM25: no word in common) does not vote.
That a second model finds false negatives is RocketQA's idea (arXiv 2010.08191); the vote of sources is our own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from miner.errors import ConfigError
from miner.filters.score import is_scored
from miner.types import Bools, Candidates, Floats

GAP = "gap:"
"""Evidence of each source but the first: (weakest positive - score) / |weakest positive| in that source's scores."""


@dataclass(frozen=True)
class Consensus:
    """Drop what at least `sources` of the sources score above their ceiling, r - |r| * margin, r the reference score.

    Default of `sources`: half of them, rounded up. Second judges vote as sources do; what one of them has not scored is dropped.

    The first source goes by the anchor's reference score, the others by the query's weakest known positive; equality is kept.
    sources=1 is the strictest: one suspicion is enough, which with two sources is the default.
    """

    margin: float = 0.05
    sources: int | None = None
    relax: bool = False
    needs: ClassVar[tuple[str, ...]] = ("gap",)
    estimates_relevance: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.margin >= 1 or (self.sources is not None and self.sources < 1):
            raise ConfigError(f"filter 'consensus' wants margin < 1 and sources >= 1, got margin={self.margin}, sources={self.sources}")

    def check_sources(self, count: int) -> None:
        """ConfigError where more sources are asked for than there are."""
        if (self.sources or 1) > count:
            raise ConfigError(f"filter 'consensus' wants sources from 1 to {count}, as many as there are, got {self.sources}")

    def at_raised_reference(self) -> Consensus:
        """The rule as it is."""
        return self

    def __call__(self, candidates: Candidates) -> Bools:
        """Return shape (B, K): True = keep."""
        gaps = [_gap(candidates), *(values for name, values in candidates.evidence.items() if name.startswith(GAP))]
        gaps += [_gap(candidates.by(judge)) for judge in candidates.judges]
        votes = np.sum([gap < np.float32(self.margin) for gap in gaps], axis=0)
        keep: Bools = votes < (self.sources or (len(gaps) + 1) // 2)
        for judge in candidates.judges:
            keep &= is_scored(candidates, judge)
        return keep


def _gap(candidates: Candidates) -> Floats:
    """Shape (B, K): the same share in these candidates' own scores, NaN where the reference is unknown or 0."""
    reference = candidates.reference_scores.astype(np.float64)[:, None]
    size = np.where(reference == 0, np.nan, np.abs(reference))
    gap: Floats = ((reference - candidates.scores.astype(np.float64)) / size).astype(np.float32)
    return gap

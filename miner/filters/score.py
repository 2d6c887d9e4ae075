"""Filters on the score alone: a ceiling under the positive, and absolute bounds.

The informative zone lies just below the positive; what scores above it is mostly relevant but unlabelled
(NV-Retriever, arXiv 2407.15831: relative margin 0.05 was the best of six rules; the share of the height is ours).
Comparisons are in float64 on float32 scores.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from miner.errors import ConfigError
from miner.types import Bools, Candidates, Priority


@dataclass(frozen=True)
class Margin:
    """Drop candidates above the lower of two ceilings, equality kept: r - |r| * relative - absolute, and r - background * height.

    r is the reference score. |r|, not r: a negative positive score must lower the ceiling, not raise it. `height` is how far r lies above
    the noise floor, the score of the last candidate within depth: unlike a share of the score itself, a share of the height means the same
    for a model whose scores are compressed (all of them .7 to .9) and for one whose are not, and it never empties the window.
    An unknown reference score (NaN) drops nothing.

    below: the ceilings hold only for a reference score that so many candidates outscore (or all there are), known positives not counted;
    0: for any. The few passages above a high-ranked positive are those that the model confuses with it, the best negatives. Above a
    low-ranked positive there may be any passage, and many of these are relevant.
    by: a second judge, by whose scores all this goes; what it has not scored is dropped.
    """

    absolute: float = 0.0
    relative: float = 0.0
    background: float = 0.0
    below: int = 0
    relax: bool = False
    by: str | None = None
    needs: ClassVar[tuple[str, ...]] = ("known_positive",)
    estimates_relevance: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.below < 0:
            raise ConfigError(f"filter 'margin' wants below >= 0, got below={self.below}")

    def __call__(self, candidates: Candidates) -> Bools:
        """Return shape (B, K): True = keep."""
        return is_scored(candidates, self.by) & ~(candidates.by(self.by).scores > self.ceiling(candidates)[:, None])

    def at_raised_reference(self) -> Margin:
        """`below` counts what outscores a positive: it says nothing about a raised reference score."""
        return replace(self, below=0)

    def ceiling(self, candidates: Candidates) -> Priority:
        """Shape (B,) float64: the highest score that is kept, NaN where the reference is unknown or outscored by fewer than `below`."""
        candidates = candidates.by(self.by)
        reference, background = candidates.reference_scores.astype(np.float64), candidates.noise_floors.astype(np.float64)
        with np.errstate(invalid="ignore"):  # below a reference of -inf there is nothing, whatever the margin
            ceiling: Priority = np.where(np.isneginf(reference), -np.inf, reference - np.abs(reference) * self.relative - self.absolute)
        if self.background:  # else a negative margin, which lifts the ceiling over the reference, would have no effect
            ceiling = np.fmin(ceiling, reference - self.background * np.fmax(reference - background, 0))
        return np.where(self._holds(candidates), ceiling, np.nan) if self.below else ceiling

    def _holds(self, candidates: Candidates) -> Bools:
        """Shape (B,): whether `below` candidates or more that are no known positives outscore the reference, or all there are."""
        comparable = candidates.present & (candidates.evidence["known_positive"] == 0)
        above = comparable & (candidates.scores > candidates.reference_scores[:, None])
        holds: Bools = above.sum(axis=1) >= np.minimum(self.below, comparable.sum(axis=1))
        return holds


@dataclass(frozen=True)
class MaxScore:
    """Drop candidates that score above `score`; `by` a second judge, what it has not scored too.

    RocketQA keeps as negatives what its cross-encoder scores below .1 (arXiv 2010.08191).
    """

    score: float = math.nan
    by: str | None = None
    needs: ClassVar[tuple[str, ...]] = ()
    relax: ClassVar[bool] = False

    @property
    def estimates_relevance(self) -> bool:
        """A second judge's score does; the first one's is a bound that the user sets."""
        return self.by is not None

    def __post_init__(self) -> None:
        _require(self, self.score)

    def __call__(self, candidates: Candidates) -> Bools:
        """Return shape (B, K): True = keep."""
        return is_scored(candidates, self.by) & ~(candidates.by(self.by).scores.astype(np.float64) > self.score)


@dataclass(frozen=True)
class MinScore:
    """Drop candidates that score below `score`; `by` a second judge, what it has not scored too."""

    score: float = math.nan
    by: str | None = None
    needs: ClassVar[tuple[str, ...]] = ()
    estimates_relevance: ClassVar[bool] = False
    relax: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _require(self, self.score)

    def __call__(self, candidates: Candidates) -> Bools:
        """Return shape (B, K): True = keep."""
        return is_scored(candidates, self.by) & ~(candidates.by(self.by).scores.astype(np.float64) < self.score)


@dataclass(frozen=True)
class Scored:
    """Drop what the second judge `by` has not scored. It runs by itself where rows hold a judge's scores, or a sampler goes by them."""

    by: str | None = None
    needs: ClassVar[tuple[str, ...]] = ()
    estimates_relevance: ClassVar[bool] = False
    relax: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.by is None:
            raise ConfigError("filter 'scored' needs a second judge: write by=cross-encoder")

    def __call__(self, candidates: Candidates) -> Bools:
        """Return shape (B, K): True = keep."""
        return is_scored(candidates, self.by)


def is_scored(candidates: Candidates, judge: str | None) -> Bools:
    """Shape (B, K): True where a second judge has scored the candidate; None: everywhere."""
    if judge is None:
        return np.ones(candidates.rows.shape, dtype=bool)
    mask: Bools = ~np.isnan(candidates.judges[judge].scores)
    return mask


def _require(part: MaxScore | MinScore, score: float) -> None:
    if math.isnan(score):
        raise ConfigError(f"filter '{'max_score' if isinstance(part, MaxScore) else 'min_score'}' needs a score: write score=0.7")

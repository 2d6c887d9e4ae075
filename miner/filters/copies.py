"""Filters for what is a copy in all but name: excerpts, edited copies, other chunks of a document, answers to the same question.

Cheaper and plainer than a cosine, and blind to what only means the same; the cosine is blind to what a model does not see.
Containment of shingles is Broder's (On the resemblance and containment of documents, 1997); for the other rules we know of no paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from miner.errors import ConfigError
from miner.types import Bools, Candidates


@dataclass(frozen=True)
class PartlyRelevant:
    """Drop passages judged relevant, if less than `min_grade`: where a low grade means "a little", they are no negatives either.

    Off by default: elsewhere a low grade means "on the topic, but no answer", and those are the best negatives there are.
    """

    needs: ClassVar[tuple[str, ...]] = ("judged",)
    estimates_relevance: ClassVar[bool] = False
    relax: ClassVar[bool] = False

    def __call__(self, candidates: Candidates) -> Bools:
        """Return shape (B, K): True = keep."""
        keep: Bools = candidates.evidence["judged"] != 2
        return keep


@dataclass(frozen=True)
class Group:
    """Drop passages of the same group (document, thread, product) as a known positive; without groups nothing is dropped."""

    relax: bool = False
    needs: ClassVar[tuple[str, ...]] = ("group",)
    estimates_relevance: ClassVar[bool] = True

    def __call__(self, candidates: Candidates) -> Bools:
        """Return shape (B, K): True = keep."""
        return ~candidates.evidence["group"].astype(bool)


@dataclass(frozen=True)
class Containment:
    """Drop passages that share `overlap` of the word 5-grams of the shorter text with a known positive: excerpts and truncated copies."""

    overlap: float = 0.8
    relax: bool = False
    needs: ClassVar[tuple[str, ...]] = ("containment",)
    estimates_relevance: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 0.5 <= self.overlap <= 1:
            raise ConfigError(f"filter 'containment' wants an overlap from 0.5 to 1, got {self.overlap}: less is not measured")

    def __call__(self, candidates: Candidates) -> Bools:
        """Return shape (B, K): True = keep."""
        keep: Bools = ~(candidates.evidence["containment"] >= np.float32(self.overlap))
        return keep


@dataclass(frozen=True)
class NearText:
    """Drop passages whose text is nearly (Jaccard 0.8 of word 5-grams) a known positive's, or that of a better-ranked candidate."""

    relax: bool = False
    needs: ClassVar[tuple[str, ...]] = ("near_text",)
    estimates_relevance: ClassVar[bool] = True

    def __call__(self, candidates: Candidates) -> Bools:
        """Return shape (B, K): True = keep."""
        keep: Bools = candidates.evidence["near_text"] == 0
        return keep


@dataclass(frozen=True)
class DuplicateQuestion:
    """Drop positives of another query that asks the same: its cosine to this query is `cosine` or more, or its text is the same."""

    cosine: float = 0.9
    relax: bool = False
    needs: ClassVar[tuple[str, ...]] = ("duplicate_question",)
    estimates_relevance: ClassVar[bool] = True

    def __call__(self, candidates: Candidates) -> Bools:
        """Return shape (B, K): True = keep."""
        keep: Bools = ~(candidates.evidence["duplicate_question"] >= np.float32(self.cosine))
        return keep

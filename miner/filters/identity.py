"""Filters that ask whether a candidate *is* something we know: a positive, the query, a copy of either.

Unlabelled relevance shows first as identity: up to 7.5 % of a mined file can be the positive's own text under another id.
Cheap tests come first (methods: same id, same normalised text, embedding), so the reason given is the plainest one.
To leave out known positives and the query itself is common practice (BEIR does); `near_positive` and its thresholds are our own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from miner.errors import ConfigError
from miner.filters.nearest import neighbour_cutoff
from miner.types import Bools, Candidates, Floats

NEIGHBOURHOOD, MAX_COSINE = 200, 0.9
"""`most` is a share of this many candidates; a passage is always dropped at this cosine or above."""


@dataclass(frozen=True)
class KnownPositive:
    """Drop the query's own positives, all of them, whichever row or file stated them. Cannot be switched off."""

    needs: ClassVar[tuple[str, ...]] = ("known_positive",)
    estimates_relevance: ClassVar[bool] = False
    relax: ClassVar[bool] = False

    def __call__(self, candidates: Candidates) -> Bools:
        """Return shape (B, K): True = keep."""
        return ~candidates.evidence["known_positive"].astype(bool)


@dataclass(frozen=True)
class SelfMatch:
    """Drop passages whose text is the query's own (duplicate-question corpora), after normalisation.

    ids: also drop a passage whose id is the query's. Off by default: in many sets queries and passages are numbered apart.
    """

    ids: bool = False
    needs: ClassVar[tuple[str, ...]] = ("same_text", "same_id")
    estimates_relevance: ClassVar[bool] = False
    relax: ClassVar[bool] = False

    def __call__(self, candidates: Candidates) -> Bools:
        """Return shape (B, K): True = keep."""
        is_query_text: Bools = (candidates.evidence["same_text"] & 2) > 0
        return ~(is_query_text | candidates.evidence["same_id"].astype(bool)) if self.ids else ~is_query_text


@dataclass(frozen=True)
class SameText:
    """Drop passages whose normalised text is a positive's, or that of a better-ranked candidate."""

    needs: ClassVar[tuple[str, ...]] = ("same_text",)
    estimates_relevance: ClassVar[bool] = False
    relax: ClassVar[bool] = False

    def __call__(self, candidates: Candidates) -> Bools:
        """Return shape (B, K): True = keep."""
        keep: Bools = (candidates.evidence["same_text"] & (1 | 4)) == 0
        return keep


@dataclass(frozen=True)
class NearPositive:
    """Drop passages whose vector lies at `cosine` or nearer to any known positive of the query: probably the same answer again.

    What a cosine means depends on the model: where more than the share `most` of the first 200 candidates lie so near, the threshold
    rises until no more do, up to 0.9. Switch it off for counter-argument corpora.
    """

    cosine: float = 0.9
    most: float = 1.0
    relax: bool = False
    needs: ClassVar[tuple[str, ...]] = ("near_positive", "known_positive")
    estimates_relevance: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 0 < self.most <= 1:
            raise ConfigError(f"filter 'near_positive' wants 0 < most <= 1, got most={self.most}")

    def __call__(self, candidates: Candidates) -> Bools:
        """Return shape (B, K): True = keep."""
        threshold: Floats = np.array(self.cosine, dtype=np.float32)
        if self.most < 1 and self.cosine < MAX_COSINE:
            threshold = np.clip(neighbour_cutoff(candidates, self.most, NEIGHBOURHOOD), threshold, np.float32(MAX_COSINE))
        keep: Bools = ~(candidates.evidence["near_positive"] >= threshold)
        return keep

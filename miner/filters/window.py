"""A window of ranks: the oldest guard against false negatives, for when the positive's own score cannot be trusted.

Peers count ranks in two ways, and the same numbers then mean different things; here the knob says which.
The rule is practice of these programs; we know of no paper that it comes from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from miner.errors import ConfigError
from miner.types import Bools, Candidates


@dataclass(frozen=True)
class Ranks:
    """Skip the first `skip` candidates and stop after rank `last`.

    of="survivors" counts only what the filters before left (sentence-transformers' range_min, range_max);
    of="raw" counts everything retrieved, known positives included (FlagEmbedding's range).
    """

    skip: int = 0
    last: int | None = None
    of: Literal["survivors", "raw"] = "survivors"
    relax: bool = False
    needs: ClassVar[tuple[str, ...]] = ()
    estimates_relevance: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.skip < 0 or (self.last is not None and self.last <= self.skip):
            raise ConfigError(f"filter 'ranks' wants 0 <= skip < last, got skip={self.skip}, last={self.last}")

    def __call__(self, candidates: Candidates) -> Bools:
        """Return shape (B, K): True = keep."""
        counted = candidates.present if self.of == "raw" or candidates.survivors is None else candidates.survivors
        ranks = np.cumsum(counted, axis=1)
        keep: Bools = ranks > self.skip
        return keep if self.last is None else keep & (ranks <= self.last)

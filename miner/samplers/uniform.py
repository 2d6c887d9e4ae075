"""Take any of the kept, each with the same chance (FlagEmbedding's rule, made repeatable)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from miner.errors import ConfigError
from miner.types import Bools, Candidates, Noise, Priority


@dataclass(frozen=True)
class Uniform:
    """Priority = noise of (seed, query id, passage id); `first` limits the draw to the first so many that were kept."""

    first: int | None = None
    needs: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if self.first is not None and self.first < 1:
            raise ConfigError(f"sampler 'uniform' wants first >= 1, got {self.first}")

    def __call__(self, candidates: Candidates, keep: Bools, noise: Noise) -> Priority:
        """Return shape (B, K): higher is taken first."""
        priority = noise()
        if self.first is None:
            return priority
        # Later candidates stay available, behind all of the first ones, so that a row is not cut short.
        return np.where(np.cumsum(keep, axis=1) <= self.first, priority, priority - 1)

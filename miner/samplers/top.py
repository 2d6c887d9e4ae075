"""Take the hardest that were kept (NV-Retriever found sampling among the first ten no better: .5856 both)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from miner.types import Bools, Candidates, Noise, Priority


@dataclass(frozen=True)
class Top:
    """Priority = score, or that of the second judge `by`; ties keep the order of retrieval, which is by passage id."""

    by: str | None = None
    needs: ClassVar[tuple[str, ...]] = ()

    def __call__(self, candidates: Candidates, keep: Bools, noise: Noise) -> Priority:
        """Return shape (B, K): higher is taken first."""
        return candidates.by(self.by).scores.astype("float64")

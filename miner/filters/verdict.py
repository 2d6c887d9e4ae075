"""What somebody has said of this very pair outweighs every guess: the filter of the verdict file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from miner.types import Bools, Candidates

TRUE_NEGATIVE, FALSE_NEGATIVE = 1, 2


@dataclass(frozen=True)
class Verdict:
    """Drop what was said to be a false negative. Switched on by a verdict file; a run that has heard no verdicts drops nothing."""

    needs: ClassVar[tuple[str, ...]] = ("verdict",)
    estimates_relevance: ClassVar[bool] = False
    relax: ClassVar[bool] = False

    def __call__(self, candidates: Candidates) -> Bools:
        """Return shape (B, K): True = keep."""
        verdicts = candidates.evidence.get("verdict")
        keep: Bools = candidates.present if verdicts is None else verdicts != FALSE_NEGATIVE
        return keep

"""Does a candidate come from the same document as a positive? Chunks of one document answer the same questions."""

from __future__ import annotations

from typing import Any

import numpy as np

from miner.evidence.identity import among
from miner.types import Candidates, Codes, Dataset, Rows


class Group:
    """Shape (B, K) uint8: 1 where the candidate's group id is that of a known positive. A passage without a group is in none."""

    def __init__(self, dataset: Dataset, source: Any) -> None:
        self._groups: Rows = dataset.corpus.group_codes

    def __call__(self, candidates: Candidates) -> Codes:
        """Return shape (B, K)."""
        grouped = self._groups[candidates.rows] >= 0
        if not grouped.any():
            return np.zeros(candidates.rows.shape, dtype=np.uint8)
        return (among(candidates.rows, candidates.positives, self._groups) & grouped).astype(np.uint8)

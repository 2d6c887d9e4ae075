"""Does a candidate come from the same document as a positive? Chunks of one document answer the same questions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from miner.evidence.identity import among
from miner.types import Candidates, Codes, Dataset, Rows


class Group:
    """Shape (B, K) uint8: 1 where the candidate's group id is that of a known positive. A passage without a group is in none."""

    def __init__(self, dataset: Dataset, source: Any) -> None:
        column = pa.chunked_array([batch.column("group") for batch in dataset.corpus.batches()], type=pa.string())
        codes = column.combine_chunks().dictionary_encode().indices
        self._groups: Rows = np.asarray(codes.fill_null(-1)).astype(np.int32)

    def __call__(self, candidates: Candidates) -> Codes:
        """Return shape (B, K)."""
        grouped = self._groups[candidates.rows] >= 0
        if not grouped.any():
            return np.zeros(candidates.rows.shape, dtype=np.uint8)
        return (among(candidates.rows, candidates.positives, self._groups) & grouped).astype(np.uint8)

"""How near a candidate lies to the nearest known positive: the cheapest test for an unlabelled answer (cosine of the vectors)."""

from __future__ import annotations

from typing import Any

import numpy as np

from miner.sources.scoring import pair_scores
from miner.types import Candidates, Dataset, Floats


class NearPositive:
    """Shape (B, K) float32: the largest cosine between the candidate and any known positive of the query; NaN where there is none."""

    def __init__(self, dataset: Dataset, source: Any) -> None:
        self._vectors, self._position = source.passages, source.position
        # Unit rows need no lengths; for dot and euclidean models the cosine is the inner product over both lengths.
        self._lengths = None if source.similarity == "cosine" else source.lengths

    def __call__(self, candidates: Candidates) -> Floats:
        """Return shape (B, K)."""
        positions = np.where(candidates.present, self._position[candidates.rows], -1).astype(np.int64)
        out = np.full(candidates.rows.shape, np.nan, dtype=np.float32)
        for column in range(candidates.positives.shape[1]):
            anchors = np.flatnonzero(candidates.positives[:, column] >= 0)
            positives = self._position[candidates.positives[anchors, column]]
            out[anchors] = np.fmax(out[anchors], self._cosines(positives, positions[anchors]))
        return out

    def _cosines(self, positives: Any, positions: Any) -> Floats:
        cosines = pair_scores(self._vectors[positives], self._vectors, positions, "cosine")
        if self._lengths is not None:
            cosines /= np.maximum(self._lengths[positives][:, None] * self._lengths[positions], np.finfo(np.float32).tiny)
        return cosines

"""How much of the smaller of two texts stands in the other: truncated copies and excerpts, which a Jaccard similarity misses."""

from __future__ import annotations

from typing import Any

import numpy as np

from miner.evidence.shingles import shingles
from miner.types import Candidates, Dataset, Floats

MIN_SHARE = 0.5


class Containment:
    """Shape (B, K) float32: the largest share of shingles that a candidate and a positive have in common, of the smaller of the two.

    Shares below one half say nothing and are 0, so most pairs need not be counted.
    """

    def __init__(self, dataset: Dataset, source: Any) -> None:
        self._shingles = shingles(dataset.corpus)

    def __call__(self, candidates: Candidates) -> Floats:
        """Return shape (B, K)."""
        out = np.zeros(candidates.rows.shape, dtype=np.float32)
        sizes, shared = self._shingles.sizes, self._shingles.shared
        for column in range(candidates.positives.shape[1]):
            positives = candidates.positives[:, column]
            anchors = np.flatnonzero((positives >= 0) & (shared[positives] > 0))
            smaller_size = np.minimum(sizes[candidates.rows[anchors]], sizes[positives[anchors]][:, None])
            max_shared = np.minimum(shared[candidates.rows[anchors]], shared[positives[anchors]][:, None])
            at, cells = np.nonzero((max_shared >= MIN_SHARE * smaller_size) & (smaller_size > 0) & candidates.present[anchors])
            share = self._shingles.in_common(positives[anchors[at]], candidates.rows[anchors[at], cells]) / smaller_size[at, cells]
            share = np.where(share >= MIN_SHARE, share, 0).astype(np.float32)
            out[anchors[at], cells] = np.maximum(out[anchors[at], cells], share)
            out[(candidates.rows == positives[:, None]) & candidates.present & (sizes[positives] > 0)[:, None]] = (
                1  # what only it has is not counted
            )
        return out

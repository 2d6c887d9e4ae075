"""Near-duplicates within a row are excluded: the setting `distinct`, for any sampler.

Owns the walk down an ordered list; must not know where the order comes from.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from miner.types import Bools, Ints, Rows

ANCHORS_PER_BATCH = 512
"""Anchors whose vectors are held at the same time."""


def exclude_near_duplicates(rows: Rows, usable: Bools, taken: Rows, vectors: Any, cosine: float) -> Bools:
    """Shape (B, K): the usable candidates that fill the free slots when none may lie at `cosine` or nearer to one taken before.

    rows (B, K): candidates, the preferred first. taken (B, M): what has been taken already, -1 = a free slot, free ones last.
    vectors: `vectors[rows]` is float16 (n, D) of length one.
    """
    chosen = np.zeros(rows.shape, dtype=bool)
    for start in range(0, len(rows), ANCHORS_PER_BATCH):
        batch = slice(start, start + ANCHORS_PER_BATCH)
        chosen[batch] = _walk(rows[batch], usable[batch], taken[batch], vectors, cosine)
    return chosen


def _walk(rows: Rows, usable: Bools, taken: Rows, vectors: Any, cosine: float) -> Bools:
    held = np.where((taken >= 0)[:, :, None], vectors[np.maximum(taken, 0)], 0).astype(
        np.float64
    )  # exact, as in evidence/passage_vectors.py
    counts: Ints = (taken >= 0).sum(axis=1)
    chosen = np.zeros(rows.shape, dtype=bool)
    for column in range(rows.shape[1]):
        has_free_slot = counts < taken.shape[1]
        if not (has_free_slot & usable[:, column:].any(axis=1)).any():
            break
        anchors = np.flatnonzero(has_free_slot & usable[:, column])
        new = vectors[rows[anchors, column]].astype(np.float64)
        cosines = np.einsum("bmd,bd->bm", held[anchors], new)
        alike = ((cosines >= cosine) & (np.arange(taken.shape[1]) < counts[anchors][:, None])).any(axis=1)
        anchors, new = anchors[~alike], new[~alike]
        chosen[anchors, column] = True
        held[anchors, counts[anchors]] = new
        counts[anchors] += 1
    return chosen

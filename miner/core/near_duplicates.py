"""Near-duplicates within a row are excluded: the setting `distinct`, for any sampler.

Owns the walk down an ordered list; must not know where the order comes from.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from miner.types import Bools, Ints, Rows

ANCHORS_PER_BATCH = 512
"""Anchors whose vectors are held at the same time."""


def exclude_near_duplicates(rows: Rows, usable: Bools, slots: Rows, vectors: Any, cosine: float) -> Bools:
    """Shape (B, K): the usable candidates that fill the free slots when none may lie at `cosine` or nearer to one taken before.

    rows (B, K): candidates, the preferred first. slots (B, M): what has been taken already, -1 = a free slot, free ones last.
    vectors: `vectors[rows]` is float16 (n, D) of length one.
    """
    is_chosen = np.zeros(rows.shape, dtype=bool)
    for start in range(0, len(rows), ANCHORS_PER_BATCH):
        batch = slice(start, start + ANCHORS_PER_BATCH)
        is_chosen[batch] = _walk(rows[batch], usable[batch], slots[batch], vectors, cosine)
    return is_chosen


def _walk(rows: Rows, usable: Bools, slots: Rows, vectors: Any, cosine: float) -> Bools:
    slot_vectors = np.where((slots >= 0)[:, :, None], vectors[np.maximum(slots, 0)], 0).astype(
        np.float64
    )  # exact, as in evidence/passage_vectors.py
    counts: Ints = (slots >= 0).sum(axis=1)
    is_chosen = np.zeros(rows.shape, dtype=bool)
    for column in range(rows.shape[1]):
        has_free_slot = counts < slots.shape[1]
        if not (has_free_slot & usable[:, column:].any(axis=1)).any():
            break
        anchors = np.flatnonzero(has_free_slot & usable[:, column])
        new = vectors[rows[anchors, column]].astype(np.float64)
        cosines = np.einsum("bmd,bd->bm", slot_vectors[anchors], new)
        alike = ((cosines >= cosine) & (np.arange(slots.shape[1]) < counts[anchors][:, None])).any(axis=1)
        anchors, new = anchors[~alike], new[~alike]
        is_chosen[anchors, column] = True
        slot_vectors[anchors, counts[anchors]] = new
        counts[anchors] += 1
    return is_chosen

"""Negatives of one row that are not copies of each other: the option `distinct`, for any sampler.

Owns the walk down an ordered list; must not know where the order comes from.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from miner.types import Bools, Ints, Rows

PIECE = 512
"""Anchors whose vectors are held at the same time."""


def unlike(rows: Rows, usable: Bools, taken: Rows, vectors: Any, cosine: float) -> Bools:
    """Shape (B, K): the usable candidates that fill the free slots when none may lie at `cosine` or nearer to one taken before.

    rows (B, K): candidates, the preferred first. taken (B, M): what has been taken already, -1 = a free slot, free ones last.
    vectors: `vectors[rows]` is float16 (n, D) of length one.
    """
    chosen = np.zeros(rows.shape, dtype=bool)
    for start in range(0, len(rows), PIECE):
        some = slice(start, start + PIECE)
        chosen[some] = _walk(rows[some], usable[some], taken[some], vectors, cosine)
    return chosen


def _walk(rows: Rows, usable: Bools, taken: Rows, vectors: Any, cosine: float) -> Bools:
    held = np.where((taken >= 0)[:, :, None], vectors[np.maximum(taken, 0)], 0).astype(np.float64)  # exact, as in evidence/vectors.py
    counts: Ints = (taken >= 0).sum(axis=1)
    chosen = np.zeros(rows.shape, dtype=bool)
    for column in range(rows.shape[1]):
        open_ = counts < taken.shape[1]
        if not (open_ & usable[:, column:].any(axis=1)).any():
            break
        anchors = np.flatnonzero(open_ & usable[:, column])
        new = vectors[rows[anchors, column]].astype(np.float64)
        cosines = np.einsum("bmd,bd->bm", held[anchors], new)
        alike = ((cosines >= cosine) & (np.arange(taken.shape[1]) < counts[anchors][:, None])).any(axis=1)
        anchors, new = anchors[~alike], new[~alike]
        chosen[anchors, column] = True
        held[anchors, counts[anchors]] = new
        counts[anchors] += 1
    return chosen

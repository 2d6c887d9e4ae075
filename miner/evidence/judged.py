"""What the judgements say of a candidate that is no known positive of the query."""

from __future__ import annotations

from typing import Any

import numpy as np

from miner.types import Candidates, Codes, Dataset, Ints, Rows


class Judged:
    """Shape (B, K) uint8: 1 = judged non-relevant (grade 0 or less), 2 = partly relevant (a grade under `min_grade`), 0 = not judged.

    Of passages with the very same text the highest grade counts.
    """

    def __init__(self, dataset: Dataset, source: Any) -> None:
        self._position: Rows = source.position
        self._passages = len(dataset.corpus)
        qrels = dataset.qrels
        below = np.flatnonzero(qrels.grades < qrels.min_grade)
        queries = np.searchsorted(qrels.indptr, below, side="right") - 1
        keys = self._keys(queries, qrels.rows[below])
        order = np.argsort(keys, kind="stable")
        self._pair_keys, starts = np.unique(keys[order], return_index=True)
        grades = qrels.grades[below][order]
        self._codes = np.where(np.maximum.reduceat(grades, starts) > 0, 2, 1).astype(np.uint8) if len(below) else np.empty(0, np.uint8)

    def __call__(self, candidates: Candidates) -> Codes:
        """Return shape (B, K)."""
        if not len(self._pair_keys):
            return np.zeros(candidates.rows.shape, dtype=np.uint8)
        keys = self._keys(candidates.queries[:, None], candidates.rows)
        at = np.minimum(np.searchsorted(self._pair_keys, keys), len(self._pair_keys) - 1)
        return np.where((self._pair_keys[at] == keys) & candidates.present, self._codes[at], 0).astype(np.uint8)

    def _keys(self, queries: Ints, rows: Ints | Rows) -> Ints:
        keys: Ints = queries.astype(np.int64) * self._passages + self._position[rows]
        return keys

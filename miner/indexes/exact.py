"""Exact search: brute force over the memory-mapped matrix, no index built, nothing copied."""

from __future__ import annotations

import numpy as np

from miner.indexes.blas import tune_blas
from miner.types import Floats, Ints, Similarity

PASSAGE_ROWS = 262_144


class Exact:
    """FAISS' blocked matrix product over slices of the passages; the slices are merged."""

    exact = True

    def __init__(self, vectors: Floats, similarity: Similarity) -> None:
        self._vectors, self._similarity = vectors, similarity

    def search(self, queries: Floats, k: int) -> tuple[Floats, Ints]:
        """Scores float32 (B, k), higher is closer (euclidean: minus the squared distance), and positions int64 (B, k); k <= U."""
        tune_blas()
        import faiss

        euclidean = self._similarity == "euclidean"
        metric = faiss.METRIC_L2 if euclidean else faiss.METRIC_INNER_PRODUCT
        heap = faiss.ResultHeap(len(queries), k, keep_max=not euclidean)
        starts = range(0, len(self._vectors), PASSAGE_ROWS)
        for start in starts:
            part = self._vectors[start : start + PASSAGE_ROWS]
            scores, positions = faiss.knn(queries, part, min(k, len(part)), metric)
            if len(starts) == 1:
                return (-scores if euclidean else scores), positions
            heap.add_result(scores, positions + start)
        heap.finalize()
        return np.asarray(-heap.D if euclidean else heap.D), heap.I

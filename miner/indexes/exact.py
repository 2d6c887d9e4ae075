"""Exact search: brute force over the memory-mapped matrix, no index built, nothing copied."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from miner.indexes.blas import tuned_faiss
from miner.types import Floats, Ints, Similarity

PASSAGE_ROWS = 262_144


class Exact:
    """FAISS' blocked matrix product over slices of the passages; the slices are merged."""

    def __init__(self, vectors: Floats, similarity: Similarity) -> None:
        self._vectors, self._similarity = vectors, similarity
        self._longest = _longest(vectors)

    def search(self, queries: Floats, k: int) -> tuple[Ints, NDArray[np.float64]]:
        """Positions int64 (B, k), and float64 (B,): what no score that was left out exceeds. k <= U."""
        scores, positions = self.nearest(queries, k)
        if k >= len(self._vectors):
            return positions, np.full(len(queries), -np.inf)
        limit = scores.min(axis=1) + self._doubt(queries)
        return positions, -np.sqrt(np.maximum(-limit, 0)) if self._similarity == "euclidean" else limit

    def nearest(self, queries: Floats, k: int) -> tuple[Floats, Ints]:
        """The k nearest, best first: scores float32 (B, k), higher is closer (euclidean: minus the squared distance), and positions."""
        faiss = tuned_faiss(queries.shape[1])
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

    def _doubt(self, queries: Floats) -> NDArray[np.float64]:
        """Shape (B,): more than two float32 scores of one pair can differ: the rounding of D terms, twice over."""
        norms = np.linalg.norm(queries.astype(np.float64), axis=1)
        size = (norms + self._longest) ** 2 if self._similarity == "euclidean" else norms * self._longest
        doubt: NDArray[np.float64] = 4 * queries.shape[1] * float(np.finfo(np.float32).eps) * size
        return doubt


def _longest(vectors: Floats) -> float:
    parts = (np.einsum("nd,nd->n", v, v, dtype=np.float64).max() for v in (vectors[s : s + 16_384] for s in range(0, len(vectors), 16_384)))
    return float(np.sqrt(max(parts, default=0.0)))

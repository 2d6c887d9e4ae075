"""Any FAISS index, by factory string (`IVF1024,Flat`, `HNSW32`, `IVF256,PQ32x4fs,RFlat` …), and its recall against exact search."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from miner.errors import ConfigError
from miner.indexes.blas import tuned_faiss
from miner.indexes.exact import Exact
from miner.types import Floats, Ints, Similarity

ADD_ROWS = 65_536
TRAIN_ROWS = 262_144
LIKELY_DIMS = (7680, 1024, 1000)
"""Multiples of most numbers that dims are cut into."""


class Factory:
    """A FAISS index trained on an even sample and filled in id order, so that the input order does not matter."""

    def __init__(self, vectors: Floats, similarity: Similarity, factory: str) -> None:
        try:
            self._index: Any = _empty(vectors.shape[1], similarity, factory)
            if not self._index.is_trained:
                _train_in_silence(self._index)
                self._index.train(np.ascontiguousarray(vectors[:: max(1, len(vectors) // TRAIN_ROWS)]))
            for start in range(0, len(vectors), ADD_ROWS):
                self._index.add(np.ascontiguousarray(vectors[start : start + ADD_ROWS]))
        except RuntimeError as error:
            raise ConfigError(
                f"FAISS cannot build index '{factory}' over {len(vectors)} vectors of {vectors.shape[1]} dims: {_reason(error)}"
            ) from error

    def search(self, queries: Floats, k: int) -> tuple[Ints, NDArray[np.float64]]:
        """Positions int64 (B, k), -1 where the index found fewer; and -inf (B,): an approximate answer is taken as it is."""
        return self._index.search(queries, k)[1], np.full(len(queries), -np.inf)


def check_factory(dims: int, similarity: Similarity, factory: str) -> None:
    """ConfigError where FAISS knows no index of this name for so many dims; nothing is trained or filled."""
    try:
        _empty(dims, similarity, factory)
    except RuntimeError as error:
        raise ConfigError(f"FAISS cannot build index '{factory}' over vectors of {dims} dims: {_reason(error)}") from error


def check_name(factory: str) -> None:
    """ConfigError for a text that FAISS cannot read as an index of any size. Whether it fits the model shows when that is loaded."""
    likely: list[tuple[int, Similarity]] = [(dims, similarity) for dims in LIKELY_DIMS for similarity in ("euclidean", "dot")]
    for dims, similarity in likely:
        try:
            _empty(dims, similarity, factory)
        except RuntimeError as error:
            reason = _reason(error)
        else:
            return
    raise ConfigError(f"FAISS knows no index '{factory}': {reason}; exact, or a factory string such as IVF1024,Flat or HNSW32, is")


def _empty(dims: int, similarity: Similarity, factory: str) -> Any:
    faiss = tuned_faiss(dims)
    return faiss.index_factory(dims, factory, faiss.METRIC_L2 if similarity == "euclidean" else faiss.METRIC_INNER_PRODUCT)


def _train_in_silence(index: Any) -> None:
    """FAISS writes its advice on the number of training vectors straight to stderr; the measured recall tells more."""
    import faiss

    clustered = (faiss.try_extract_index_ivf(index), getattr(index, "pq", None), getattr(faiss.downcast_index(index), "pq", None))
    for quantizer in clustered:
        if quantizer is not None:
            quantizer.cp.min_points_per_centroid = 1


def _reason(error: RuntimeError) -> str:
    return str(error).rsplit(": ", 1)[-1].splitlines()[0]


def recall(index: Factory, vectors: Floats, queries: Floats, similarity: Similarity, k: int) -> float:
    """Share of the exact k nearest that `index` finds, over the given queries (B, D)."""
    k = min(k, len(vectors))
    _, nearest = Exact(vectors, similarity).nearest(queries, k)
    proposed, _ = index.search(queries, k)
    hits = sum(len(np.intersect1d(a, b)) for a, b in zip(nearest, proposed, strict=True))
    return hits / nearest.size

"""Any FAISS index, by factory string and search settings (`IVF1024,Flat:nprobe=16`, `HNSW32`, `IVF256,PQ32x4fs,RFlat` …)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from miner.errors import ConfigError
from miner.indexes.blas import tuned_faiss
from miner.indexes.index_spec import IndexSpec
from miner.indexes.search_settings import apply_settings, check_settings, setting_ranges
from miner.types import Floats, Ints, Similarity

ADD_ROWS = 65_536
TRAIN_ROWS = 262_144
CELLS = 1 << 24
"""Candidates (queries × k × k_factor_rf) that FAISS holds at a time."""
LIKELY_DIMS = (7680, 1024, 1000)
"""Multiples of most numbers that dims are cut into."""


class Factory:
    """A FAISS index trained on an even sample and filled in id order, so that the input order does not matter."""

    def __init__(self, vectors: Floats, similarity: Similarity, index: str) -> None:
        self.spec = IndexSpec.parse(index)
        factory = self.spec.factory
        try:
            self._index: Any = empty_index(vectors.shape[1], similarity, factory)
            self.limits = setting_ranges(self._index)
            check_settings(factory, self.limits, self.spec.settings)
            if not self._index.is_trained:
                _train_in_silence(self._index)
                self._index.train(np.ascontiguousarray(vectors[:: max(1, len(vectors) // TRAIN_ROWS)]))
            for start in range(0, len(vectors), ADD_ROWS):
                self._index.add(np.ascontiguousarray(vectors[start : start + ADD_ROWS]))
        except RuntimeError as error:
            raise ConfigError(
                f"FAISS cannot build index '{factory}' over {len(vectors)} vectors of {vectors.shape[1]} dims: {_reason(error)}"
            ) from error
        apply_settings(self._index, self.spec.settings)

    def change(self, settings: Mapping[str, float]) -> None:
        """Search with these settings from now on, beside those that are there. Not while another thread searches."""
        apply_settings(self._index, settings)
        self.spec = IndexSpec(self.spec.factory, {**self.spec.settings, **settings})

    def search(self, queries: Floats, k: int) -> tuple[Ints, NDArray[np.float64]]:
        """Positions int64 (B, k), -1 where the index found fewer; and -inf (B,): an approximate answer is taken as it is."""
        rows = max(1, CELLS // int(k * self.spec.settings.get("k_factor_rf", 1)))
        try:
            parts = [self._index.search(queries[start : start + rows], k)[1] for start in range(0, len(queries), rows)]
        except RuntimeError as error:
            raise ConfigError(f"FAISS cannot search index '{self.spec}': {_reason(error)}") from error
        return np.concatenate(parts), np.full(len(queries), -np.inf)


def check_factory(dims: int, similarity: Similarity, index: str) -> None:
    """ConfigError where FAISS knows no such index for so many dims, or it has no such search settings; nothing is trained or filled."""
    spec = IndexSpec.parse(index)
    try:
        empty = empty_index(dims, similarity, spec.factory)
    except RuntimeError as error:
        raise ConfigError(f"FAISS cannot build index '{spec.factory}' over vectors of {dims} dims: {_reason(error)}") from error
    check_settings(spec.factory, setting_ranges(empty), spec.settings)


def check_name(index: str) -> None:
    """ConfigError for a text that FAISS cannot read as an index of any size, or whose search settings the index does not have.

    Whether it fits the model shows when that is loaded.
    """
    spec = IndexSpec.parse(index)
    likely: list[tuple[int, Similarity]] = [(dims, similarity) for dims in LIKELY_DIMS for similarity in ("euclidean", "dot")]
    for dims, similarity in likely:
        try:
            empty = empty_index(dims, similarity, spec.factory)
        except RuntimeError as error:
            reason = _reason(error)
        else:
            return check_settings(spec.factory, setting_ranges(empty), spec.settings)
    raise ConfigError(f"FAISS knows no index '{spec.factory}': {reason}; write exact, or a factory string such as IVF1024,Flat or HNSW32")


def empty_index(dims: int, similarity: Similarity, factory: str) -> Any:
    """Return FAISS' index without training and vectors. Raises RuntimeError for an index that FAISS does not know."""
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

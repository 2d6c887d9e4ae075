"""Any FAISS index, by factory string and search settings (`IVF1024,Flat:nprobe=16`, `HNSW32`, `IVF256,PQ32x4fs,RFlat` …)."""

from __future__ import annotations

import re
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
CLUSTERS = re.compile(r"as large as number of clusters \((\d+)\)")
"""FAISS' words for fewer vectors than clusters."""
LIKELY_DIMS = (7680, 1024, 1000)
"""Multiples of most numbers that dims are cut into."""


class Factory:
    """A FAISS index trained on an even sample and filled in id order, so that the input order does not matter."""

    def __init__(self, vectors: Floats, similarity: Similarity, index: str) -> None:
        self.spec = IndexSpec.parse(index)
        factory = self.spec.factory
        try:
            self._index: Any = empty_index(vectors.shape[1], similarity, factory)
            self._similarity = similarity
            self.limits = setting_ranges(self._index)
            check_settings(factory, self.limits, self.spec.settings)
            if not self._index.is_trained:
                _train_in_silence(self._index)
                _train_quickly(self._index, self.spec)
                self._index.train(np.ascontiguousarray(vectors[:: max(1, len(vectors) // TRAIN_ROWS)]))
            for start in range(0, len(vectors), ADD_ROWS):
                self._index.add(np.ascontiguousarray(vectors[start : start + ADD_ROWS]))
        except RuntimeError as error:
            reason = _reason(error, similarity)
            raise ConfigError(
                f"FAISS cannot build index '{factory}' over {len(vectors)} vectors of {vectors.shape[1]} dims: {reason}"
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
            raise ConfigError(f"FAISS cannot search index '{self.spec}': {_reason(error, self._similarity)}") from error
        return np.concatenate(parts), np.full(len(queries), -np.inf)


def check_factory(dims: int, similarity: Similarity, index: str) -> None:
    """ConfigError where FAISS knows no such index for so many dims, or it has no such search settings; nothing is trained or filled."""
    spec = IndexSpec.parse(index)
    try:
        empty = empty_index(dims, similarity, spec.factory)
    except RuntimeError as error:
        raise ConfigError(f"FAISS cannot build index '{spec.factory}' over vectors of {dims} dims: {_reason(error, similarity)}") from error
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
            reason = _reason(error, similarity)
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


def _train_quickly(index: Any, spec: IndexSpec) -> None:
    """Leave out the training of codes for `ht`, which takes most of the time and changes nothing of a search without it."""
    import faiss

    inner = faiss.downcast_index(faiss.try_extract_index_ivf(index) or inner_index(index))
    if hasattr(inner, "do_polysemous_training"):
        inner.do_polysemous_training = "ht" in spec.settings


def inner_index(index: Any) -> Any:
    """Return the index below transforms, refinements and maps of numbers."""
    import faiss

    index = faiss.downcast_index(index)
    for name in ("base_index", "index"):
        if hasattr(index, name):
            return inner_index(getattr(index, name))
    return index


def _reason(error: RuntimeError, similarity: Similarity) -> str:
    """Return FAISS' reason, in plain words where it is a common one."""
    text = str(error).rsplit(": ", 1)[-1].splitlines()[0]
    plain = {
        "METRIC_L2": f"it compares by Euclidean distance alone, and the similarity is {similarity}",
        "number of subquantizers": "the number after PQ has to divide the number of dims",
        "could not parse": "it is written otherwise than an index of FAISS",
    }
    if clusters := CLUSTERS.search(text):
        return f"it makes {clusters[1]} clusters of them, and needs as many vectors at least"
    return next((words for part, words in plain.items() if part in text), text)

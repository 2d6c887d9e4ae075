"""What an index will be over so many vectors, before there are any: how it is searched, what it is trained on, and its memory."""

from __future__ import annotations

from typing import Any, TypedDict

from miner.errors import ConfigError
from miner.indexes.faiss_factory import TRAIN_ROWS, check_factory, empty_index, inner_index
from miner.indexes.index_spec import AUTO, EXACT, IndexSpec
from miner.indexes.opening import automatic
from miner.indexes.search_settings import setting_ranges
from miner.types import Similarity

ID_BYTES = 8
"""Bytes of the number of a vector in an inverted list."""
FLOAT_BYTES, LINK_BYTES, OFFSET_BYTES = 4, 4, 12
"""Bytes of a number of a vector; of a link of a graph; of what a graph holds of each vector beside its links."""
DEFAULTS = {"nprobe": 1.0, "efSearch": 16.0, "k_factor_rf": 1.0}
"""What FAISS searches with where nothing is set; other settings are left out of a plan."""
TUNED = ("k_factor_rf", "nprobe", "efSearch")
"""The settings that a recall chooses, where they are not given."""


class IndexPlan(TypedDict):
    """An index that is not built yet.

    index: as it will be built: `auto` is resolved.
    vectors, dims: how many vectors of how many dimensions.
    settings: what it is searched with, by FAISS' names.
    chosen: settings that are chosen for the recall.
    limits: the values that each setting may have, in words.
    lists: inverted lists, 0 where there are none.
    trained_on: vectors that it is trained on, 0 where it needs no training.
    memory_bytes: of the whole index.
    """

    index: str
    vectors: int
    dims: int
    settings: dict[str, float]
    chosen: list[str]
    limits: dict[str, str]
    lists: int
    trained_on: int
    memory_bytes: int


def plan_index(index: str, vectors: int, dims: int, similarity: Similarity, recall: float | None = None) -> IndexPlan:
    """Describe an index over so many vectors. ConfigError where FAISS cannot build it."""
    spec = IndexSpec.parse(automatic(vectors) if index == AUTO else index)
    if spec.factory == EXACT:
        return _exact(vectors, dims)
    check_factory(dims, similarity, str(spec))
    empty = empty_index(dims, similarity, spec.factory)
    _check_training(empty, spec.factory, vectors)
    ranges, lists = setting_ranges(empty), _ivf(empty)
    chosen = [name for name in TUNED if name in ranges and name not in spec.settings] if recall is not None else []
    settings = {name: value for name, value in {**DEFAULTS, **spec.settings}.items() if name in ranges and name not in chosen}
    return {
        "index": str(spec),
        "vectors": vectors,
        "dims": dims,
        "settings": settings,
        "chosen": chosen,
        "limits": {name: str(ranges[name]) for name in (*settings, *chosen)},
        "lists": lists.nlist if lists is not None else 0,
        "trained_on": 0 if empty.is_trained else _training_rows(vectors),
        "memory_bytes": round(_bytes(empty, vectors)),
    }


def _exact(vectors: int, dims: int) -> IndexPlan:
    return {
        "index": EXACT,
        "vectors": vectors,
        "dims": dims,
        "settings": {},
        "chosen": [],
        "limits": {},
        "lists": 0,
        "trained_on": 0,
        "memory_bytes": vectors * dims * FLOAT_BYTES,
    }


def _training_rows(vectors: int) -> int:
    """Return the size of the even sample that `Factory` trains on."""
    return len(range(0, vectors, max(1, vectors // TRAIN_ROWS)))


def _check_training(empty: Any, factory: str, vectors: int) -> None:
    """ConfigError where there are fewer vectors than clusters to make of them."""
    clusters = max((each.nlist for each in (_ivf(empty),) if each is not None), default=0)
    quantizer = _product_quantizer(empty)
    clusters = max(clusters, quantizer.ksub if quantizer is not None else 0)
    if vectors < clusters:
        raise ConfigError(
            f"FAISS cannot build index '{factory}' over {vectors} vectors: it makes {clusters} clusters of them, and needs as many at least"
        )


def _ivf(index: Any) -> Any:
    """Return the part with inverted lists, or None."""
    import faiss

    return faiss.try_extract_index_ivf(index)


def _product_quantizer(index: Any) -> Any:
    import faiss

    return getattr(faiss.downcast_index(_ivf(index) or inner_index(index)), "pq", None)


def _bytes(index: Any, vectors: int) -> float:
    """Estimate the memory of an index, from what it holds of each vector."""
    import faiss

    index = faiss.downcast_index(index)
    if isinstance(index, faiss.IndexRefine):
        return _bytes(index.base_index, vectors) + _bytes(index.refine_index, vectors)
    if isinstance(index, faiss.IndexPreTransform):
        return _bytes(index.index, vectors)
    if isinstance(index, faiss.IndexIDMap):
        return _bytes(index.index, vectors) + vectors * ID_BYTES
    if isinstance(index, faiss.IndexHNSW):
        graph: Any = index.hnsw
        return _bytes(index.storage, vectors) + vectors * float(graph.nb_neighbors(0) * LINK_BYTES + OFFSET_BYTES)
    if isinstance(index, faiss.IndexIVF):
        return _bytes(index.quantizer, index.nlist) + vectors * (index.code_size + ID_BYTES)
    return float(vectors * getattr(index, "code_size", index.d * FLOAT_BYTES))

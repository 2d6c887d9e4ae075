"""From the config to an open source: which models are loaded, which vectors are read, what is indexed.

Owns no search and no file of the run. Vectors come by the name of the source they belong to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from miner.config import Inputs, MiningConfig, Runtime
from miner.encode import Precomputed, StoredVectors, check_encoder, check_vectors, load_encoder
from miner.encode.model import Encoder
from miner.indexes import check_name
from miner.sources import BM25, Dense, Fused
from miner.types import Dataset, Progress, Vectors

Stage = Callable[[str], AbstractContextManager[None]]


def open_vectors(
    data: Inputs | Dataset, config: MiningConfig, runtime: Runtime, model: Any, on_progress: Progress | None
) -> dict[str, Vectors]:
    """The vectors of every source that has some. `model` (loaded, or an Encoder) is the config's own model.

    ConfigError, ModelError, InputError: which model or file, and why.
    """
    opened: dict[str, Vectors] = {}
    for name, part in config.active_sources.items():
        if not part.encodes:
            continue
        own, settings = not part.settings(), config.model_copy(update=part.settings())
        if own and isinstance(data, Inputs) and data.query_vectors and data.passage_vectors:
            opened[name] = Precomputed(data.query_vectors, data.passage_vectors, config.similarity)
        else:
            given = model if own else None
            encoder = given if isinstance(given, Encoder) else load_encoder(settings, runtime, given)
            opened[name] = StoredVectors(encoder, runtime.cache, on_progress)
    return opened


def check(data: Inputs | Dataset, config: MiningConfig, model: Any = None) -> None:
    """What `open_vectors` and `open_source` would refuse and can be seen without loading or reading: before anything is read."""
    for part in config.active_sources.values():
        if not part.encodes:
            continue
        own, settings = not part.settings(), config.model_copy(update=part.settings())
        if own and isinstance(data, Inputs) and data.query_vectors and data.passage_vectors:
            check_vectors(data.query_vectors, data.passage_vectors)
        elif not (own and model is not None):
            check_encoder(settings)
        if config.index != "exact":
            check_name(config.index)


def open_source(dataset: Dataset, config: MiningConfig, vectors: Mapping[str, Vectors], work: Path, stage: Stage) -> Dense | BM25 | Fused:
    """Everything encoded and indexed, ready to be searched. `work` holds temporary matrices, memory-mapped.

    stage: told what takes the time: "encode", or "index bm25".
    """
    opened: dict[str, Dense | BM25] = {}
    for place, (name, part) in enumerate(config.active_sources.items()):
        folder = work / str(place)
        folder.mkdir()
        with stage("encode" if part.encodes else f"index {name}"):
            opened[name] = part.open(dataset, vectors.get(name), folder, config.index)
    return next(iter(opened.values())) if len(opened) == 1 else Fused(dataset, opened, config.rrf_k)

"""Opens the source of a run from its config: loads models, reads vectors, builds indexes.

Owns neither search nor files of the run. Vectors are named by their source.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from miner.config import Inputs, MiningConfig, Runtime
from miner.encode import Precomputed, StoredVectors, check_encoder, check_vectors, load_encoder
from miner.encode.model import Encoder
from miner.errors import ModelError
from miner.indexes import AUTO, EXACT, Factory, check_name
from miner.judges.open_judge import check_judge
from miner.read.open_inputs import missing_inputs
from miner.runs.index_tuning import tune
from miner.sources import BM25, Dense, Fused
from miner.types import Dataset, Progress, Vectors

Stage = Callable[[str], AbstractContextManager[None]]


def open_vectors(
    data: Inputs | Dataset, config: MiningConfig, runtime: Runtime, model: Any, on_progress: Progress | None
) -> dict[str, Vectors]:
    """The vectors of every source that encodes, by its name.

    model: the model of the config where it is loaded already, or an Encoder.
    ConfigError, ModelError, InputError name the model or file.
    """
    opened: dict[str, Vectors] = {}
    for name, part in config.active_sources.items():
        if not part.encodes:
            continue
        is_default, settings = not part.settings(), config.model_copy(update=part.settings())
        if is_default and isinstance(data, Inputs) and data.query_vectors and data.passage_vectors:
            opened[name] = Precomputed(data.query_vectors, data.passage_vectors, config.similarity)
        else:
            loaded = model if is_default else None
            encoder = loaded if isinstance(loaded, Encoder) else load_encoder(settings, runtime, loaded)
            opened[name] = StoredVectors(encoder, runtime.cache, on_progress)
    return opened


def check(
    data: Inputs | Dataset,
    config: MiningConfig,
    model: Any = None,
    runtime: Runtime | None = None,
    judge_models: Mapping[str, Any] | None = None,
) -> None:
    """Raise the errors of `open_vectors`, `open_source` and `open_judge` that can be found without loading or reading anything."""
    for name, judge in config.active_judges.items():
        if name not in (judge_models or {}):
            check_judge(judge, config, runtime)
    for part in config.active_sources.values():
        if not part.encodes:
            continue
        is_default, settings = not part.settings(), config.model_copy(update=part.settings())
        if is_default and isinstance(data, Inputs) and data.query_vectors and data.passage_vectors:
            check_vectors(data.query_vectors, data.passage_vectors)
        elif not (is_default and model is not None):
            _check_model_beside_data(data, settings, runtime)
        if config.index not in (EXACT, AUTO):
            check_name(config.index)


def _check_model_beside_data(data: Inputs | Dataset, settings: MiningConfig, runtime: Runtime | None) -> None:
    """Check the model; where it cannot be used and a file of the data is missing too, the error names both."""
    try:
        check_encoder(settings, runtime.allow_code if runtime else ())
    except ModelError as error:
        missing = missing_inputs(data) if isinstance(data, Inputs) else ""
        if not missing:
            raise
        raise ModelError(f"{error.with_flags}; and {missing}") from None


def open_source(dataset: Dataset, config: MiningConfig, vectors: Mapping[str, Vectors], work: Path, stage: Stage) -> Dense | BM25 | Fused:
    """Encode and index everything.

    vectors: by source. work: a folder for temporary matrices, which are memory-mapped.
    stage: a context manager for each stage by name: "encode", "index bm25", or "tune index".
    """
    opened: dict[str, Dense | BM25] = {}
    for number, (name, part) in enumerate(config.active_sources.items()):
        folder = work / str(number)
        folder.mkdir()
        with stage("encode" if part.encodes else f"index {name}"):
            opened[name] = source = part.open(dataset, vectors.get(name), folder, config.index)
        if config.recall is not None and isinstance(source, Dense) and isinstance(source.index, Factory):
            with stage("tune index"):
                tune(source, dataset, config)
    return next(iter(opened.values())) if len(opened) == 1 else Fused(dataset, opened, config.rrf_k)

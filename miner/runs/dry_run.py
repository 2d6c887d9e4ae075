"""Dry run: counts what `mine` would read and encode and, with a pilot, estimates its cost and output.

The data are read and the model is loaded as for a run; nothing remains on disk.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NotRequired, TypedDict

from miner.config import Inputs, MiningConfig, Runtime
from miner.indexes import IndexPlan
from miner.io.scratch import scratch
from miner.read import read
from miner.runs import open_source, pass_one, preflight
from miner.runs.estimate import Estimate, estimate, index_plans
from miner.runs.open_source import open_vectors
from miner.runs.run_folder import check
from miner.runs.variation_vectors import check_variations, scoring_vectors
from miner.runs.verdict_files import read_verdicts, with_verdict_filter, write_verdicts
from miner.types import Dataset, ModelDescription, Vectors


class Plan(TypedDict):
    """The result of `plan`, JSON-safe.

    indexes: by source. recall: the recall asked for. free_bytes: on the disks of the `run` and of the vector `store`.
    """

    queries: int
    passages: int
    judgements: int
    pairs: int
    texts_to_encode: int
    candidates_at_least: int
    store_bytes: int
    scratch_bytes: int
    filters: list[str]
    reading: dict[str, int]
    columns: dict[str, Mapping[str, str]]
    model: ModelDescription | None
    indexes: dict[str, IndexPlan]
    recall: float | None
    estimate: NotRequired[Estimate]
    free_bytes: NotRequired[dict[str, int]]


def plan(
    inputs: Inputs,
    config: MiningConfig,
    runtime: Runtime,
    *,
    out: str | Path | None = None,
    kind: str | None = None,
    force: bool = False,
    foresee: bool = True,
) -> Plan:
    """Counts, settings, disk space and, unless `foresee` is False, an estimate from a pilot. Raises the errors of `mine`."""
    parent_folder = check(out, kind, force, config.output_format)
    verdicts, config = read_verdicts(inputs.verdicts), with_verdict_filter(config, bool(inputs.verdicts))
    open_source.check(inputs, config, None, runtime)
    check_variations(config, None)
    with scratch() as folder:
        start = time.perf_counter()
        dataset = read(inputs, folder / "dataset", config.min_grade)
        if inputs.verdicts:
            write_verdicts(folder, dataset, verdicts)
        read_end = time.perf_counter()
        vectors = open_vectors(inputs, config, runtime, None, None)
        scoring_vectors(vectors, config)
        elapsed = {"read": read_end - start, "load model": time.perf_counter() - read_end}
        result = _count(dataset, config, vectors)
        if foresee:
            result["estimate"] = estimate(dataset, vectors, config, runtime, elapsed=elapsed, work=folder / "pilot", kind=kind)
        result["free_bytes"] = _free_bytes(parent_folder or folder, runtime.cache)
        return result


def _count(dataset: Dataset, config: MiningConfig, vectors: Mapping[str, Vectors]) -> Plan:
    """The counts, without a pilot."""
    depth = min(config.depth, len(dataset.corpus))
    space = preflight.disk_space(dataset, vectors, config)
    return {
        "queries": len(dataset.queries),
        "passages": len(dataset.corpus),
        "judgements": len(dataset.qrels.rows),
        "pairs": int((dataset.qrels.grades >= config.min_grade).sum()),
        "texts_to_encode": preflight.texts_to_encode(dataset, vectors),
        "candidates_at_least": len(dataset.queries) * depth,
        "store_bytes": space["store"],
        "scratch_bytes": space["scratch"],
        "filters": list(config.active_filters),
        "reading": dict(dataset.reading),
        "columns": dict(dataset.columns),
        "model": pass_one.first_model(vectors),
        "indexes": index_plans(dataset, vectors, config),
        "recall": config.recall,
    }


def _free_bytes(folder: Path, cache: Path) -> dict[str, int]:
    """Free bytes on the disks of the run and of the vector store."""
    nearest = next(candidate for candidate in (cache, *cache.absolute().parents) if candidate.exists())
    return {"run": shutil.disk_usage(folder).free, "store": shutil.disk_usage(nearest).free}

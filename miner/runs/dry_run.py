"""What `mine` would do, before it does it: what is read, what must be encoded, and, from a pilot, what it will take and give.

The data are read and the model is loaded as for a run; nothing stays on disk.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from miner.config import Inputs, MiningConfig, Runtime
from miner.io.scratch import scratch
from miner.read import read
from miner.runs import open_source, passes, preflight
from miner.runs.estimate import estimate
from miner.runs.open_source import open_vectors
from miner.runs.run import heeding
from miner.runs.run_folder import check
from miner.runs.verdict_files import keep_verdicts, read_verdicts
from miner.types import Dataset, Vectors

Told = dict[str, Any]


def plan(
    inputs: Inputs,
    config: MiningConfig,
    runtime: Runtime,
    *,
    out: str | Path | None = None,
    kind: str | None = None,
    force: bool = False,
    foresee: bool = True,
) -> Told:
    """Counts, settings, disk, and with `foresee` an estimate from a pilot; JSON-safe. Raises what `mine` would raise up to there."""
    place = check(out, kind, force, config.output_format)
    said, config = read_verdicts(inputs.verdicts), heeding(config, bool(inputs.verdicts))
    open_source.check(inputs, config)
    with scratch() as folder:
        began = time.perf_counter()
        dataset = read(inputs, folder / "dataset", config.min_grade)
        if inputs.verdicts:
            keep_verdicts(folder, dataset, said)
        read_in = time.perf_counter()
        vectors = open_vectors(inputs, config, runtime, None, None)
        spent = {"read": read_in - began, "load model": time.perf_counter() - read_in}
        told = _counted(dataset, config, vectors)
        if foresee:
            told["estimate"] = estimate(dataset, vectors, config, runtime, spent=spent, work=folder / "pilot", kind=kind)
        told["free_bytes"] = _free(place or folder, runtime.cache)
        return told


def _counted(dataset: Dataset, config: MiningConfig, vectors: Mapping[str, Vectors]) -> Told:
    """What follows without trying anything."""
    depth = min(config.depth, len(dataset.corpus))
    room = preflight.room(dataset, vectors, config)
    return {
        "queries": len(dataset.queries),
        "passages": len(dataset.corpus),
        "judgements": len(dataset.qrels.rows),
        "pairs": int((dataset.qrels.grades >= config.min_grade).sum()),
        "texts_to_encode": preflight.unknown(dataset, vectors),
        "candidates_at_least": len(dataset.queries) * depth,
        "store_bytes": room["store"],
        "scratch_bytes": room["scratch"],
        "filters": list(config.active_filters),
        "reading": dict(dataset.reading),
        "columns": dict(dataset.columns),
        "model": passes.first_model(vectors),
    }


def _free(place: Path, cache: Path) -> dict[str, int]:
    """Bytes free where the run is built, and where the store lies."""
    nearest = next(folder for folder in (cache, *cache.absolute().parents) if folder.exists())
    return {"run": shutil.disk_usage(place).free, "store": shutil.disk_usage(nearest).free}

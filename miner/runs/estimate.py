"""Estimates the cost and output of a run from a pilot: seconds by stage, memory, disk, candidates, rows, short queries.

Encoding scales with texts, search with queries × passages, judging and writing with candidates. The share of short queries is that of
the pilot with depth and negatives scaled down; a subset holds fewer hard passages, so the number is a lower bound.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Mapping
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import NotRequired, TypedDict

import numpy as np

from miner.config import MiningConfig, Runtime
from miner.core.judging import short_of
from miner.core.retrieval import BLOCK
from miner.encode import StoredVectors
from miner.formats import FORMATS
from miner.indexes import EXACT, IndexPlan, plan_index
from miner.runs import preflight
from miner.runs.candidate_store import positive_scores, read_blocks
from miner.runs.judge_estimate import JudgeEstimate, judge_estimates
from miner.runs.pilot import PilotResult, Speed, encoding_speeds, run_pilot, search_costs, subset_texts
from miner.sources.dense import distinct
from miner.types import Dataset, Side, Vectors, noise_floors

HASH_BYTES_PER_SECOND = 1.5e9
"""Approximate speed of the hashes for the manifest."""

Speeds = Mapping[str, Mapping[Side, Speed]]


class PilotSize(TypedDict):
    """The subset of the pilot, and the speed of each encoder by side."""

    queries: int
    passages: int
    texts_per_second: dict[str, dict[Side, float]]


class Estimate(TypedDict):
    """The result of `estimate`, JSON-safe. seconds: `all`, and by stage; disk_bytes: `run`, `store` and `scratch`.

    queries_deepened_at_least, rows, full_rows_share: before second judges drop anything.
    """

    seconds: dict[str, float]
    memory_bytes: int
    disk_bytes: dict[str, int]
    candidates: int
    queries_deepened_at_least: int
    rows: int
    full_rows_share: float | None
    pilot: PilotSize
    judges: NotRequired[dict[str, JudgeEstimate]]


def estimate(
    dataset: Dataset,
    vectors: Mapping[str, Vectors],
    config: MiningConfig,
    runtime: Runtime,
    *,
    elapsed: Mapping[str, float],
    work: Path,
    kind: str | None = None,
) -> Estimate:
    """Run a pilot and scale its costs up to the whole run.

    elapsed: seconds of the stages that are finished.
    work: a folder for the pilot.
    kind: suffix of the training file; None: that of the format.
    """
    judges, config = judge_estimates(dataset, config, runtime), config.without_judges()
    encoders = {
        name: encoding_speeds(source_vectors, dataset)
        for name, source_vectors in vectors.items()
        if isinstance(source_vectors, StoredVectors)
    }
    file_format = FORMATS[config.output_format]
    suffix = "" if file_format.layout else file_format.kind if kind is None else kind
    pilot = run_pilot(dataset, vectors, config, runtime, work, subset_texts(encoders, dataset), suffix)
    short = short_share(pilot, dataset, config)
    candidates = _candidates(dataset, config, short)
    disk = _disk(pilot, dataset, vectors, config, candidates)
    search = search_costs(pilot, vectors, config, runtime, ceil(len(dataset.queries) / BLOCK))
    seconds = {**elapsed, **_seconds(pilot, dataset, encoders, search, candidates, disk["run"])}
    if judges:
        seconds["judge"] = sum(each["seconds"] for each in judges.values())
    result: Estimate = {
        "seconds": {"all": round(sum(seconds.values()), 2), **{name: round(value, 2) for name, value in seconds.items()}},
        "memory_bytes": _memory(pilot, dataset, vectors) + _index_bytes(dataset, vectors, config),
        "disk_bytes": disk,
        "candidates": candidates,
        "queries_deepened_at_least": round(short * len(dataset.queries)),
        "rows": round(pilot.report["rows_written"] * pairs(dataset) / max(1, pairs(pilot.dataset))),
        "full_rows_share": pilot.report["coverage"]["all"],
        "pilot": {"queries": len(pilot.dataset.queries), "passages": len(pilot.dataset.corpus), "texts_per_second": _rates(encoders)},
    }
    return {**result, "judges": judges} if judges else result


def index_plans(dataset: Dataset, vectors: Mapping[str, Vectors], config: MiningConfig) -> dict[str, IndexPlan]:
    """What the index of each source will be. ConfigError where FAISS cannot build it."""
    passages = len(distinct(dataset.corpus)[0])
    return {name: plan_index(config.index, passages, each.dim, each.similarity, config.recall) for name, each in vectors.items()}


def pairs(dataset: Dataset) -> int:
    """The number of (query, positive) pairs."""
    return int((dataset.qrels.grades >= dataset.qrels.min_grade).sum())


def short_share(pilot: PilotResult, dataset: Dataset, config: MiningConfig) -> float:
    """The estimated share of queries with fewer than M negatives within depth."""
    if not config.deepens or len(dataset.corpus) <= config.depth:
        return 0.0
    scale = len(dataset.corpus) / len(pilot.dataset.corpus)
    width, scaled_config = max(1, round(config.depth / scale)), config.model_copy(update={"negatives": ceil(config.negatives / scale)})
    folder, short = pilot.folder / "candidates.parquet", 0
    shared = {"population": np.sort(positive_scores(folder))}
    for part in (part for block in read_blocks(folder) for part in block.within):
        candidates = part.take(np.arange(len(part)), width)
        candidates = replace(candidates, noise_floors=noise_floors(candidates.scores, candidates.evidence, width), shared=shared)
        short += len(short_of(candidates, scaled_config))
    return short / len(pilot.dataset.queries)


def _candidates(dataset: Dataset, config: MiningConfig, short: float) -> int:
    texts = len(distinct(dataset.corpus)[0])
    depth, deepest = (min(width, texts) for width in (config.depth, config.deepest))
    return round(len(dataset.queries) * (depth + short * (deepest - depth)))


def _seconds(pilot: PilotResult, dataset: Dataset, encoders: Speeds, search: float, candidates: int, written: int) -> dict[str, float]:
    """Estimated seconds of each stage of the run."""
    queries, pilot_seconds = len(dataset.queries), pilot.seconds
    texts, pilot_texts = (len(data.queries) + len(data.corpus) for data in (dataset, pilot.dataset))
    encoder = sum(speed.texts * speed.seconds for sides in encoders.values() for speed in sides.values())
    candidate_growth, text_growth = candidates / max(1, pilot.candidates), texts / pilot_texts
    overhead = pilot_seconds.get("encode", 0.0) - pilot_seconds["encoder"]
    indexing = sum(value for name, value in pilot_seconds.items() if name.startswith("index "))
    pilot_search = search * len(pilot.dataset.queries) * len(pilot.dataset.corpus)
    choosing, reporting = pilot_seconds["choose and write"], pilot_seconds["second pass"] - pilot_seconds["choose and write"]
    seconds = {
        "encode": encoder + max(0.0, overhead) * text_growth,
        **({"index": indexing * text_growth} if indexing else {}),
        "retrieve": search * queries * len(dataset.corpus) + max(0.0, pilot_seconds["retrieve"] - pilot_search) * candidate_growth,
        "choose and write": choosing * candidate_growth,
        "report": reporting + written / HASH_BYTES_PER_SECOND,
    }
    if preflight.is_worthwhile(dataset, sum(speed.texts for sides in encoders.values() for speed in sides.values())):
        preflight_texts = preflight.QUERIES + min(preflight.MAX_PASSAGES, max(preflight.MIN_PASSAGES, texts // 100))
        seconds = {"rehearse": encoder / texts * preflight_texts + reporting, **seconds}
    return seconds


def _disk(pilot: PilotResult, dataset: Dataset, vectors: Mapping[str, Vectors], config: MiningConfig, candidates: int) -> dict[str, int]:
    """Bytes of the run folder and training file (`run`), new vectors in the store (`store`) and temporary files (`scratch`)."""
    candidate_bytes = _size(pilot.folder / "candidates.parquet") / max(1, pilot.candidates)
    dataset_bytes = _size(dataset.corpus.path.parent)
    row_bytes = _size(pilot.file) * pairs(dataset) / max(1, pairs(pilot.dataset))
    vector_bytes = len(dataset.corpus) * next(iter(vectors.values())).dim * 2 if "vectors" in config.measured else 0
    report_bytes = sum(_size(pilot.folder / name) for name in ("report.json", "report.html", "manifest.json"))
    space = preflight.disk_space(dataset, vectors, config)
    return {
        "run": round(candidate_bytes * candidates + dataset_bytes + row_bytes + vector_bytes + report_bytes),
        "store": space["store"],
        "scratch": space["scratch"],
    }


def _size(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    return sum(file.stat().st_size for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file())


def _memory(pilot: PilotResult, dataset: Dataset, vectors: Mapping[str, Vectors]) -> int:
    """The peak of the process so far, plus the matrices of the run beyond those of the pilot and the store that fills them."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    new_texts = len(dataset.queries) + len(dataset.corpus) - len(pilot.dataset.queries) - len(pilot.dataset.corpus)
    encoded = {name for name, source_vectors in vectors.items() if isinstance(source_vectors, StoredVectors)}
    return peak + sum(new_texts * source_vectors.dim * 4 * (2 if name in encoded else 1) for name, source_vectors in vectors.items())


def _index_bytes(dataset: Dataset, vectors: Mapping[str, Vectors], config: MiningConfig) -> int:
    """Bytes of approximate indexes; exact search has the matrices alone."""
    return sum(each["memory_bytes"] for each in index_plans(dataset, vectors, config).values() if each["index"] != EXACT)


def _rates(encoders: Speeds) -> dict[str, dict[Side, float]]:
    return {name: {side: round(1 / speed.seconds, 1) for side, speed in sides.items() if speed.seconds} for name, sides in encoders.items()}

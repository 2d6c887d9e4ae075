"""Pilot: measures the speed of the encoders and of the search, and times both passes on a subset of the data.

The subset is as large as the encoders can process within seconds. The vector store is read and not written.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from miner.config import MiningConfig, Runtime
from miner.core.retrieval import BLOCK
from miner.encode import StoredVectors, TrialVectors
from miner.indexes import Exact, limit_threads
from miner.report import ReportData
from miner.runs import manifest as manifests
from miner.runs import pass_one, pass_two, preflight
from miner.runs.candidate_store import read_blocks
from miner.runs.run_context import MAX_PARALLEL_BLOCKS, RunContext
from miner.runs.run_folder import Target
from miner.runs.subset import sample
from miner.sources import BM25Part
from miner.support.parallel import in_order, processors
from miner.types import Dataset, Floats, Ints, Side, Texts, Vectors

SPEED_SECONDS, PILOT_SECONDS = 1.0, 6.0
"""The least time to encode texts of one side for a measure of speed; about the time that the whole subset may take."""

MIN_TIMED_TEXTS = 64
"""The least number of texts for a measure of speed."""

MIN_TEXTS, MAX_TEXTS = 96, 20_000
"""Texts of the subset."""

SEARCH_PASSAGES = 16_384
"""Passages of the search that is timed."""


@dataclass(frozen=True)
class Speed:
    """The number of texts of one side that are not in the vector store, and the seconds to encode one of them."""

    texts: int
    seconds: float


@dataclass(frozen=True)
class PilotResult:
    """The result of a pilot: its subset, the folder of both passes, the training file, seconds by stage, the report."""

    dataset: Dataset
    folder: Path
    file: Path
    seconds: Mapping[str, float]
    report: ReportData

    @property
    def candidates(self) -> int:
        """The number of stored candidates."""
        blocks = read_blocks(self.folder / "candidates.parquet")
        return sum(part.rows.size for block in blocks for part in (*block.within, *block.deep))


def encoding_speeds(vectors: StoredVectors, dataset: Dataset) -> dict[Side, Speed]:
    """The encoding speed of each side."""
    sides: tuple[tuple[Texts, Side], ...] = ((dataset.corpus, "passage"), (dataset.queries, "query"))
    return {side: _speed(vectors, texts, side) for texts, side in sides}


def _speed(vectors: StoredVectors, texts: Texts, side: Side) -> Speed:
    """Encode growing batches, spread evenly from short to long texts, until one takes long enough; the first batches warm up."""
    rows, count, seconds, encoded = vectors.missing_rows(texts, side), 16, 0.0, 0
    while encoded < len(rows) and (encoded < MIN_TIMED_TEXTS or seconds < SPEED_SECONDS):
        selection: Ints = rows[np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(np.int64)]
        batch, start = texts.texts(selection[::-1]), time.perf_counter()
        vectors.encoder.encode(batch, side)
        seconds, encoded, count = time.perf_counter() - start, len(selection), 4 * count
    return Speed(len(rows), seconds / max(1, encoded))


def subset_texts(encoders: Mapping[str, Mapping[Side, Speed]], dataset: Dataset) -> int:
    """The number of texts of the subset. encoders: speeds by encoder and side."""
    encoding_seconds = sum(speed.texts * speed.seconds for sides in encoders.values() for speed in sides.values())
    texts = len(dataset.queries) + len(dataset.corpus)
    return min(texts, max(MIN_TEXTS, min(MAX_TEXTS, int(PILOT_SECONDS / encoding_seconds * texts) if encoding_seconds else MAX_TEXTS)))


def run_pilot(
    dataset: Dataset, vectors: Mapping[str, Vectors], config: MiningConfig, runtime: Runtime, folder: Path, texts: int, suffix: str
) -> PilotResult:
    """Run both passes on about `texts` texts, in `folder`. suffix: of the training file, "" for a folder."""
    queries = min(len(dataset.queries), 2 * BLOCK, max(1, texts // 5))
    subset = sample(dataset, folder / "dataset", queries, max(1, min(len(dataset.corpus), texts - queries)))
    trial_vectors, context = preflight.trial_vectors(vectors), RunContext(preflight.preflight_config(config, vectors), runtime, None)
    file, scratch = folder / f"triplets{suffix}", folder / "scratch"
    scratch.mkdir()
    target = Target(folder, str(file), folder, file.name)
    pass_one.first_pass(subset, trial_vectors, context, target, scratch)
    start = time.perf_counter()
    sections = manifests.Sections(inputs=None, model=pass_one.first_model(vectors), files={})
    report = pass_two.second_pass(subset, context, target, sections, vectors=pass_one.first_vectors(trial_vectors, config))
    seconds = {**context.timings, "second pass": time.perf_counter() - start}
    seconds["encoder"] = sum(
        source_vectors.seconds for source_vectors in trial_vectors.values() if isinstance(source_vectors, TrialVectors)
    )
    return PilotResult(subset, folder, file, seconds, report)


def search_costs(pilot: PilotResult, vectors: Mapping[str, Vectors], config: MiningConfig, runtime: Runtime, blocks: int) -> float:
    """Seconds of search per query and passage, over all sources, where `blocks` blocks of queries are searched."""
    threads = runtime.threads or processors()
    workers = max(1, min(threads, MAX_PARALLEL_BLOCKS, blocks))
    total = sum(_search_cost(source_vectors.dim, config.depth, workers, max(1, threads // workers)) for source_vectors in vectors.values())
    for name, part in config.active_sources.items():
        if isinstance(part, BM25Part):
            (folder := pilot.folder / f"{name}-again").mkdir()
            source, queries = part.open(pilot.dataset, None, folder, config.index), np.arange(len(pilot.dataset.queries))
            start = time.perf_counter()
            source.retrieve(queries, config.depth)
            total += (time.perf_counter() - start) / len(queries) / len(pilot.dataset.corpus) / workers
    return total


def _search_cost(dim: int, depth: int, workers: int, threads: int) -> float:
    """Seconds per query and passage: the slope between a small and a larger corpus of random vectors, without constant costs."""
    rng = np.random.default_rng(0)
    passages: Floats = rng.standard_normal((SEARCH_PASSAGES, dim), dtype=np.float32)
    queries: Floats = rng.standard_normal((512, dim), dtype=np.float32)
    seconds = []
    for count in (SEARCH_PASSAGES // 4, SEARCH_PASSAGES // 4, SEARCH_PASSAGES):  # the first search warms up
        search, start = partial(Exact(passages[:count], "dot").search, queries), time.perf_counter()
        list(in_order(search, [depth] * (2 * workers), workers, partial(limit_threads, threads)))
        seconds.append(time.perf_counter() - start)
    return max(0.0, seconds[2] - seconds[1]) / (SEARCH_PASSAGES - SEARCH_PASSAGES // 4) / (2 * workers * len(queries))

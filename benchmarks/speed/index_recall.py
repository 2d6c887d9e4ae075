"""Recall and search time of approximate indexes against exact search, as given, with a search setting, and with a recall asked for.

    python -m benchmarks.speed.index_recall --data FOLDER --model FOLDER [--passages 500000] [--dims 256] [--out results/NAME.json]

Two corpora in one run: that of --data, and one of --passages random unit vectors in clusters (queries are perturbed passages). For each
index: what it finds of the 200 nearest on queries that no setting was chosen on, with its 95 % interval, the seconds to build it and to
choose its setting, and the time of a search as a share of the time of exact search over the same queries, the median of three turns.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.record import record
from miner.config import Inputs, MiningConfig, Runtime
from miner.indexes import Exact, open_index
from miner.indexes.opening import automatic
from miner.read import read
from miner.runs.index_tuning import SAMPLE, Sample, choose_settings
from miner.runs.open_source import open_source, open_vectors
from miner.sources.dense import SLACK, Dense
from miner.support import noise

DEPTH, TURNS, CLUSTERS = 200, 3, 2_000
SMALL = ("IVF64,Flat", "IVF64,Flat:nprobe=16", "IVF64,Flat:nprobe=64", "HNSW32", "HNSW32:efSearch=256")
TARGET = 0.98


def clustered_source(passages: int, dims: int, queries: int) -> Dense:
    """Unit vectors around random centres whose sizes vary; a dense source over them without texts."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((CLUSTERS, dims)).astype(np.float32)
    members = np.minimum(CLUSTERS - 1, (CLUSTERS * rng.random(passages) ** 2).astype(np.int64))
    vectors = np.empty((passages, dims), dtype=np.float32)
    for start in range(0, passages, 65_536):
        part = members[start : start + 65_536]
        vectors[start : start + len(part)] = centres[part] + 0.8 * rng.standard_normal((len(part), dims), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    source = Dense.__new__(Dense)
    source.similarity, source.passages, source.passage_rows, source.recall = "cosine", vectors, np.arange(passages, dtype=np.int32), None
    asked = vectors[rng.permutation(passages)[:queries]] + 0.3 * rng.standard_normal((queries, dims), dtype=np.float32) / np.sqrt(dims)
    source.queries = np.asarray(asked / np.linalg.norm(asked, axis=1, keepdims=True), dtype=np.float32)
    return source


def seconds(source: Dense, queries: Any) -> float:
    """Of a search, by wall clock."""
    start = time.perf_counter()
    source.retrieve(queries, DEPTH)
    return time.perf_counter() - start


def measured(source: Dense, index: str, target: float | None) -> dict[str, Any]:
    """Recall, interval, seconds, and the time relative to exact search of the same queries."""
    order = np.random.default_rng(1).permutation(len(source.queries))
    half = min(SAMPLE, len(order) // 2)
    exact, start = Exact(source.passages, source.similarity), time.perf_counter()
    source.index = approximate = open_index(source.passages, source.similarity, index)
    built = time.perf_counter() - start
    keys = noise.keys(map(str, order[: 2 * half].tolist()))
    halves = zip(np.split(order[: 2 * half], 2), np.split(keys, 2), strict=True)
    samples = [Sample(source, each, names, DEPTH, source.last_scores(each, DEPTH), 0) for each, names in halves]
    start = time.perf_counter()
    tried = choose_settings(approximate, DEPTH + SLACK, samples[0].recall, target) if target and not isinstance(approximate, Exact) else []
    tuning, recall = time.perf_counter() - start, samples[1].recall()
    turns = []
    for _ in range(TURNS):
        source.index = exact
        of_exact = seconds(source, order)
        source.index = approximate
        turns.append(seconds(source, order) / of_exact)
    row: dict[str, Any] = {"index": index, "recall_asked": target, "searched": recall.index, "recall": round(recall.share, 4)}
    row |= {"interval": [round(bound, 4) for bound in recall.interval], "queries_measured": recall.queries, "settings_tried": len(tried)}
    return row | {"build_s": round(built, 2), "tune_s": round(tuning, 2), "time_of_exact": round(statistics.median(turns), 3)}


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--passages", type=int, default=500_000)
    parser.add_argument("--dims", type=int, default=256)
    parser.add_argument("--queries", type=int, default=1_000)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    result: dict[str, Any] = {"depth": DEPTH}
    with tempfile.TemporaryDirectory() as name:
        folder, inputs, config = Path(name), Inputs.of(data=args.data), MiningConfig.of(model=args.model)
        dataset = read(inputs, folder / "data", 1)
        (folder / "work").mkdir()
        vectors = open_vectors(inputs, config, Runtime.of(cache=folder / "cache"), None, None)
        source = open_source(dataset, config, vectors, folder / "work", lambda _: nullcontext())
        assert isinstance(source, Dense)
        rows = [measured(source, index, None) for index in SMALL] + [measured(source, index, TARGET) for index in ("IVF64,Flat", "HNSW32")]
        result["data"] = {
            "passages": len(source.passages),
            "queries": len(source.queries),
            "auto": automatic(len(source.passages)),
            "rows": rows,
        }
    large, index = clustered_source(args.passages, args.dims, args.queries), automatic(args.passages)
    rows = [measured(large, index, target) for target in (None, 0.9, TARGET)]
    result["clustered"] = {"passages": args.passages, "dims": args.dims, "queries": args.queries, "auto": index, "rows": rows}
    record(result, args.out)


if __name__ == "__main__":
    main()

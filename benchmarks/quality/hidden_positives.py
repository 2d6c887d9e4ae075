"""Data sets with hidden positives: the demo's, and clinc150 with one of a hundred positives shown."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.inputs import data_folder, model_folder
from benchmarks.quality.equal_hardness import SearchResult
from benchmarks.quality.false_negatives import positives, show_one
from miner import Inputs, MiningConfig
from miner.config import Runtime
from miner.encode import load_encoder

Count = Callable[..., SearchResult]
"""Counts every setting on one draw of shown positives: (inputs, all positives, encoder, runtime, work folder, seed)."""


def demo(draws: int, runtime: Runtime, count: Count) -> SearchResult:
    """The demo's set, what `count` counts of all draws added up."""
    encoder = load_encoder(MiningConfig.of(model=model_folder(None)), runtime)
    total: SearchResult = {}
    with tempfile.TemporaryDirectory() as folder, data_folder(None) as data:
        known = positives(data)
        for seed in range(draws):
            qrels = Path(folder) / f"shown-{seed}.tsv"
            qrels.write_text("query-id\tcorpus-id\tscore\n" + "".join(f"{q}\t{p}\t1\n" for q, p in show_one(known, seed).items()))
            inputs = Inputs.of(corpus=str(data / "corpus.jsonl"), queries=str(data / "queries.jsonl"), qrels=(str(qrels),))
            (work := Path(folder) / f"{seed}").mkdir()
            told = count(inputs, data / "all.tsv", encoder, runtime, work, seed)
            total = {f: {n: total[f][n].added(c) if total else c for n, c in s.items()} for f, s in told.items()}
            print("demo, draw", seed, flush=True)
    return total


def clinc150(data: Path, model: str, runtime: Runtime, count: Count) -> SearchResult:
    """One positive of each query shown, 99 hidden."""
    encoder = load_encoder(MiningConfig.of(model=model), runtime)
    shown = data / "qrels" / "train.tsv"  # by itself: what lies beside it in the folder would be known
    inputs = Inputs.of(corpus=str(data / "corpus.jsonl"), queries=str(data / "queries.jsonl"), qrels=(str(shown),))
    with tempfile.TemporaryDirectory() as folder:
        return count(inputs, data / "qrels" / "train_full.tsv", encoder, runtime, Path(folder), 0)

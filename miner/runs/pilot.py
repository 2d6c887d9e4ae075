"""A pilot: how fast the encoders are, what a search costs, and both passes over a piece of the data, timed stage by stage.

The piece is as large as the encoders manage in some seconds. The store is read and left as it is.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from miner.config import MiningConfig, Runtime
from miner.core.pipeline import BLOCK
from miner.encode import StoredVectors, TrialVectors
from miner.indexes import Exact, limit_threads
from miner.runs import passes, preflight
from miner.runs.candidate_store import read_blocks
from miner.runs.run_folder import Target
from miner.runs.subset import sample
from miner.sources import BM25Part
from miner.support.parallel import in_order, processors
from miner.types import Dataset, Floats, Ints, Side, Texts, Vectors

SPEED_SECONDS, PIECE_SECONDS = 1.0, 6.0
"""How long one side's texts are encoded at least to know their speed; about how long all of the piece may take."""

LEAST = 64
"""Texts whose time says something."""

FEWEST, MOST = 96, 20_000
"""Texts of the piece."""

SEARCHED = 16_384
"""Passages of the search that is timed."""

Told = dict[str, Any]


@dataclass(frozen=True)
class Speed:
    """Texts of one side that are not in the store, and seconds for one of them."""

    texts: int
    seconds: float


@dataclass(frozen=True)
class Piece:
    """What was tried: the data, where both passes left their files, the seconds of each stage, what the report says."""

    dataset: Dataset
    folder: Path
    file: Path
    seconds: Mapping[str, float]
    report: Told

    @property
    def candidates(self) -> int:
        """How many were stored."""
        stored = read_blocks(self.folder / "candidates.parquet")
        return sum(part.rows.size for block in stored for part in (*block.within, *block.deep))


def speeds(stored: StoredVectors, dataset: Dataset) -> dict[Side, Speed]:
    """How fast each side is encoded."""
    sides: tuple[tuple[Texts, Side], ...] = ((dataset.corpus, "passage"), (dataset.queries, "query"))
    return {side: _speed(stored, texts, side) for texts, side in sides}


def _speed(stored: StoredVectors, texts: Texts, side: Side) -> Speed:
    """More and more texts, evenly from the shortest to the longest, until one go takes its time: the first ones warm up."""
    rows, count, took, some = stored.missing_rows(texts, side), 16, 0.0, 0
    while some < len(rows) and (some < LEAST or took < SPEED_SECONDS):
        wanted: Ints = rows[np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(np.int64)]
        asked, began = texts.texts(wanted[::-1]), time.perf_counter()
        stored.encoder.encode(asked, side)
        took, some, count = time.perf_counter() - began, len(wanted), 4 * count
    return Speed(len(rows), took / max(1, some))


def size(known: Mapping[str, Mapping[Side, Speed]], dataset: Dataset) -> int:
    """Texts of the piece."""
    whole = sum(speed.texts * speed.seconds for sides in known.values() for speed in sides.values())
    texts = len(dataset.queries) + len(dataset.corpus)
    return min(texts, max(FEWEST, min(MOST, int(PIECE_SECONDS / whole * texts) if whole else MOST)))


def tried(
    dataset: Dataset, vectors: Mapping[str, Vectors], config: MiningConfig, runtime: Runtime, folder: Path, texts: int, suffix: str
) -> Piece:
    """Both passes over about so many texts, in `folder`. suffix: of the training file, "" for a folder."""
    queries = min(len(dataset.queries), 2 * BLOCK, max(1, texts // 5))
    small = sample(dataset, folder / "dataset", queries, max(1, min(len(dataset.corpus), texts - queries)))
    trial, work = preflight.trial(vectors), passes.Work(preflight.settings(config, vectors), runtime, None)
    file, scratch = folder / f"triplets{suffix}", folder / "scratch"
    scratch.mkdir()
    place = Target(folder, str(file), folder, file.name)
    passes.first_pass(small, trial, work, place, scratch)
    began = time.perf_counter()
    report = passes.second_pass(small, work, place, {"inputs": None, "model": passes.first_model(vectors), "files": {}})
    seconds = {**work.timings, "second pass": time.perf_counter() - began}
    seconds["encoder"] = sum(each.seconds for each in trial.values() if isinstance(each, TrialVectors))
    return Piece(small, folder, file, seconds, report)


def search_costs(piece: Piece, vectors: Mapping[str, Vectors], config: MiningConfig, runtime: Runtime, blocks: int) -> float:
    """Seconds that all sources together search one query for, by passage, when so many blocks of queries are asked for."""
    threads = runtime.threads or processors()
    crew = max(1, min(threads, passes.MOST_BLOCKS, blocks))
    total = sum(_search_cost(each.dim, config.depth, crew, max(1, threads // crew)) for each in vectors.values())
    for name, part in config.active_sources.items():
        if isinstance(part, BM25Part):
            (folder := piece.folder / f"{name}-again").mkdir()
            source, queries = part.open(piece.dataset, None, folder, config.index), np.arange(len(piece.dataset.queries))
            began = time.perf_counter()
            source.retrieve(queries, config.depth)
            total += (time.perf_counter() - began) / len(queries) / len(piece.dataset.corpus) / crew
    return total


def _search_cost(dim: int, depth: int, crew: int, threads: int) -> float:
    """The slope between a small and a larger corpus of vectors that mean nothing: what does not grow with it is no search."""
    draw = np.random.default_rng(0)
    passages: Floats = draw.standard_normal((SEARCHED, dim), dtype=np.float32)
    queries: Floats = draw.standard_normal((512, dim), dtype=np.float32)
    took = []
    for count in (SEARCHED // 4, SEARCHED // 4, SEARCHED):  # the first one warms up
        search, began = partial(Exact(passages[:count], "dot").search, queries), time.perf_counter()
        list(in_order(search, [depth] * (2 * crew), crew, partial(limit_threads, threads)))
        took.append(time.perf_counter() - began)
    return max(0.0, took[2] - took[1]) / (SEARCHED - SEARCHED // 4) / (2 * crew * len(queries))

"""Recall of approximate indexes: measured on a sample of queries, and the search setting that reaches the recall asked for.

The sample follows from the hash of query ids and seed. A setting is chosen on one half and measured on the other, which it was not
fitted to: the recall of the half that it was chosen on is too high.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import cast

import numpy as np

from miner.config import MiningConfig
from miner.errors import ConfigError
from miner.evaluation.intervals import clustered
from miner.indexes import Factory, IndexSpec
from miner.indexes.index_plan import TUNED
from miner.indexes.opening import automatic
from miner.sources import BM25, Dense, Fused, Recall
from miner.sources.dense import SLACK
from miner.support import noise
from miner.types import Dataset, Floats, Ints, RecallFields, RetrievalSection

log = logging.getLogger(__name__)

SAMPLE = 200
"""Queries that a setting is chosen on, and queries that recall is measured on."""
LARGEST_EF_FACTOR = 64
"""The largest efSearch that is tried, in candidates searched."""
FACTORS = (1, 2, 4, 8, 16, 32, 64)
"""Values of k_factor_rf that are tried: FAISS' own."""


@dataclass(frozen=True)
class Sample:
    """Queries, rows (S,), with their keys, the depth searched, and per query the score of the last of its true nearest (S,)."""

    source: Dense
    queries: Ints
    keys: noise.Keys
    depth: int
    last: Floats
    seed: int

    @classmethod
    def of(cls, source: Dense, dataset: Dataset, queries: Ints, config: MiningConfig) -> Sample:
        """The sample of these queries, searched exactly."""
        depth, keys = min(config.depth, len(source.passages)), noise.keys(dataset.queries.ids(queries))
        return cls(source, queries, keys, depth, source.last_scores(queries, depth), config.seed)

    def recall(self) -> Recall:
        """Of the index with its present settings."""
        hits = self.source.hits(self.queries, self.last, self.depth)[:, None]
        (interval,) = clustered(hits, np.full_like(hits, self.depth), self.keys, self.seed)
        assert interval is not None, "a sample has a query"
        assert isinstance(self.source.index, Factory), "exact search misses nothing"
        return Recall(str(self.source.index.spec), int(hits.sum()) / (len(hits) * self.depth), interval, len(hits))


def draw(dataset: Dataset, config: MiningConfig) -> tuple[Ints, Ints]:
    """Rows of queries to choose a setting on, and of queries to measure it on: none of them is in both, unless there is one only.

    Without a recall asked for, nothing is chosen, and all are there to be measured on.
    """
    keys = noise.keys(dataset.queries.ids(np.arange(len(dataset.queries))))
    order = np.lexsort((keys, noise.drawn(config.seed, keys)))
    half = 0 if config.recall is None else min(SAMPLE, len(order) // 2)
    measured = order[half : half + (SAMPLE if config.recall is None else max(1, half))]
    return order[: max(1, half)], measured


def measure_recall(source: Dense | BM25 | Fused, dataset: Dataset, config: MiningConfig) -> Recall | None:
    """The lowest recall of the approximate indexes, each of which is noted in its source; None where all are exact.

    ConfigError where one is below the recall asked for by more than chance.
    """
    for dense in _approximate(source):
        dense.recall = Sample.of(dense, dataset, draw(dataset, config)[1], config).recall()
        if config.recall is not None and dense.recall.interval[1] < config.recall:
            raise ConfigError(_too_low(dense.recall, min(config.depth, len(dense.passages)), config.recall, _advice(dense, config)))
    return min((each.recall for each in _approximate(source) if each.recall), key=lambda each: each.share, default=None)


def note_recall(section: RetrievalSection, recall: Recall | None, config: MiningConfig) -> None:
    """Write the recall, its index with the search settings, and the recall asked for into what the manifest says of pass 1.

    recall: measured; None where all indexes are exact, which find all, and that is noted where a recall is asked for.
    """
    if recall:
        section["index"], section["recall"] = recall.index, recall.share
        section["recall_interval"], section["recall_queries"] = list(recall.interval), recall.queries
    if config.recall is None:
        return
    section["recall_target"] = config.recall
    if recall is None:
        section["recall"] = 1.0
    for source in section["sources"].values():
        if "recall" in source and source.get("recall") is None:
            cast("RecallFields", source)["recall"] = 1.0


def tune(source: Dense, dataset: Dataset, config: MiningConfig) -> None:
    """Set the cheapest search settings of an approximate index that reach `config.recall` on the half for choosing."""
    if config.recall is None or not isinstance(source.index, Factory):
        return
    sample = Sample.of(source, dataset, draw(dataset, config)[0], config)
    for recall in choose_settings(source.index, min(config.depth + SLACK, len(source.passages)), sample.recall, config.recall):
        log.info("index %s finds %.1f %% of the %d nearest", recall.index, 100 * recall.share, sample.depth)


def choose_settings(index: Factory, k: int, recall: Callable[[], Recall], target: float) -> list[Recall]:
    """Leave the index with the cheapest search settings that reach `target`, or else with the largest; what was tried, in that order.

    A setting reaches a recall where the lower bound of its interval does. Settings that are given stay as they are. Of what may be
    missed, codes that are compared in place of vectors (k_factor_rf) may cost one half, lists that are not searched the other.
    k: the candidates that a search asks for; a smaller efSearch has no effect. recall: measures the index as it is set.
    """
    tried: list[Recall] = []

    def reaches(wanted: float, name: str, value: float) -> bool:
        index.change({name: value})
        tried.append(recall())
        return tried[-1].interval[0] >= wanted

    limits = {name: each for name, each in index.limits.items() if name not in index.spec.settings}
    lowest = {"nprobe": 1, "efSearch": k}
    highest = {"nprobe": math.inf, "efSearch": LARGEST_EF_FACTOR * k}
    breadth = {name: (low, int(min(limits[name].high, highest[name]))) for name, low in lowest.items() if name in limits}
    if "k_factor_rf" in limits:
        index.change({name: high for name, (_, high) in breadth.items()})
        wanted = (1 + target) / 2 if breadth else target
        _ = any(reaches(wanted, "k_factor_rf", factor) for factor in FACTORS)
    for name, (low, high) in breadth.items():
        index.change({name: _least(low, high, partial(reaches, target, name))})
    return tried


def _least(low: int, high: int, reaches: Callable[[int], bool]) -> int:
    """The smallest value from `low` to `high` that reaches, by doubling and halving the interval; `high` where none does."""
    missed, value = low - 1, low
    while not reaches(value):
        if value >= high:
            return high
        missed, value = value, min(2 * value, high)
    while value - missed > 1:
        middle = (missed + value) // 2
        missed, value = (missed, middle) if reaches(middle) else (middle, value)
    return value


def _approximate(source: Dense | BM25 | Fused) -> list[Dense]:
    parts = source.parts if isinstance(source, Fused) else [source]
    return [part for part in parts if isinstance(part, Dense) and isinstance(part.index, Factory)]


def _too_low(recall: Recall, depth: int, target: float, advice: str) -> str:
    low, high = (f"{100 * bound:.1f}" for bound in recall.interval)
    return (
        f"recall {target:g} was asked for, and index {recall.index} finds {100 * recall.share:.1f} % of the {depth} nearest "
        f"(95 % interval {low} to {high} %, {recall.queries} queries): ask for less, or {advice}"
    )


def _advice(source: Dense, config: MiningConfig) -> str:
    """What reaches more: the setting chosen by the recall where one is given, else an index that suits so many passages."""
    spec, passages = IndexSpec.parse(config.index), len(source.passages)
    if names := [name for name in spec.settings if name in TUNED]:
        return f"leave {' and '.join(names)} out, which the recall then chooses: --index '{spec.factory}'"
    parts = spec.factory.split(",")
    refined = f"{spec.factory},RFlat" if "RFlat" not in parts and {"Flat"}.isdisjoint(parts) and "HNSW" not in spec.factory else ""
    refinement = f"refine it (--index '{refined}'), or " if refined else ""
    return f"{refinement}mine with --index '{automatic(passages, exact=0)}', or with exact, which finds all"

"""Statistics of a run for its reviewers: score histograms, the most suspicious negatives and a random sample.

Reads every block once and keeps counts of scores in bins of a round width, the most suspicious queries and the sample.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from miner.runs.candidate_store import read_blocks
from miner.runs.rechoose import Choice, choices
from miner.runs.run import Run
from miner.support import noise
from miner.types import Dataset, Floats, Ints, Rows

VERSION = 1
BINS = 200
MAX_SUSPICIOUS_QUERIES, SAMPLE_SIZE = 1000, 400
"""Queries in the list of suspicious ones, and negatives in the random sample."""

SEED = 0
"""Seed of the sample: all reviewers of a run see the same one."""


class MarginHistogram(TypedDict):
    """Edges of bins, and the negatives in each bin."""

    edges: list[float]
    chosen: list[int]


class SuspiciousNegative(TypedDict):
    """The negative of a query with the smallest margin; None where the margin is not finite."""

    query_id: str
    passage_id: str
    margin: float | None


class ScoreHistogram(TypedDict):
    """Edges of bins, and the scores in each bin. kept: candidates that no filter dropped; chosen: the negatives."""

    edges: list[float]
    positives: list[int]
    kept: list[int]
    dropped: list[int]
    chosen: list[int]


class SurveyReport(TypedDict):
    """The result of `survey`, JSON-safe. sample: (query, negative) pairs in random order, by id."""

    version: int
    scores: ScoreHistogram
    margins: MarginHistogram
    suspicious: list[SuspiciousNegative]
    sample: list[dict[str, str]]


def survey(run: Run) -> SurveyReport:
    """Histograms of scores and margins, suspicious negatives and a random sample.

    scores: edges, and counts of positives, kept, dropped and chosen; kept are the candidates that no filter dropped, chosen the negatives.
    margins: edges, and counts of chosen.
    suspicious: one negative per query, the one with the smallest margin; the smallest margin first.
    sample: (query, negative) pairs in random order.
    """
    path, dataset = run.candidates, run.dataset
    bins = _Bins(*_range(path))
    negatives: list[tuple[Ints, Rows, Floats]] = []
    for choice in choices(path, dataset, run.config):
        bins.add(choice)
        negatives.append(_retrieved_negatives(choice))
    queries, rows, margins = (np.concatenate(parts) for parts in zip(*negatives, strict=True))
    keys = noise.keys(dataset.queries.ids(queries)), noise.keys(dataset.corpus.ids(rows))
    hashes = noise.uniform(SEED, keys[0], keys[1][:, None])[:, 0] if len(rows) else np.empty(0)
    return {
        "version": VERSION,
        "scores": bins.histogram(),
        "margins": _histogram(margins),
        "suspicious": _suspicious(dataset, queries, rows, margins),
        "sample": _sample(dataset, queries, rows, hashes),
    }


class _Bins:
    """Scores counted in bins of a round width."""

    def __init__(self, low: float, high: float) -> None:
        self.edges = round_edges(low, high, BINS)
        self.counts = {name: np.zeros(len(self.edges) - 1, np.int64) for name in ("positives", "kept", "dropped", "chosen")}

    def histogram(self) -> ScoreHistogram:
        """The counts as lists."""
        counts = {name: values.tolist() for name, values in self.counts.items()}
        return {
            "edges": self.edges.tolist(),
            "positives": counts["positives"],
            "kept": counts["kept"],
            "dropped": counts["dropped"],
            "chosen": counts["chosen"],
        }

    def add(self, choice: Choice) -> None:
        """Count the scores of one part of a block."""
        anchors, dropped, negatives = choice
        is_kept, is_dropped = anchors.present & (dropped == 0), anchors.present & (dropped > 0) & (dropped < 255)
        scores_by_name = {"positives": anchors.positive_scores, "kept": anchors.scores[is_kept], "dropped": anchors.scores[is_dropped]}
        for name, scores in {**scores_by_name, "chosen": negatives.scores[negatives.rows >= 0]}.items():
            self.counts[name] += np.histogram(scores[np.isfinite(scores)], bins=self.edges)[0]


def round_edges(low: float, high: float, max_bins: int) -> Floats:
    """Edges of at most `max_bins` bins over [low, high]: multiples of 1, 2 or 5 times a power of ten."""
    min_step = max((high - low) / (max_bins - 1), 1e-6 * max(abs(low), abs(high), 1e-6))
    power = 10.0 ** math.floor(math.log10(min_step))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= min_step * (1 - 1e-9))
    first, last = math.floor(low / step - 1e-6), math.floor(high / step + 1e-6) + 1
    digits = max(0, 1 - math.floor(math.log10(step)))
    edges: Floats = np.round(np.arange(first, last + 1) * step, digits)
    return edges


def _range(path: Path) -> tuple[float, float]:
    """The lowest and the highest score of all candidates and positives."""
    low, high = math.inf, -math.inf
    for part in (part for block in read_blocks(path) for part in block.longest):
        for scores in (part.scores, part.positive_scores):
            finite = scores[np.isfinite(scores)]
            low, high = min(low, finite.min(initial=math.inf)), max(high, finite.max(initial=-math.inf))
    return (float(low), float(high)) if low <= high else (0.0, 1.0)


def _retrieved_negatives(choice: Choice) -> tuple[Ints, Rows, Floats]:
    """Query row, passage row and margin of every negative; an empty slot has no rank."""
    anchors, _, negatives = choice
    places, columns = np.nonzero((negatives.rows >= 0) & (negatives.ranks > 0))
    return negatives.queries[places], negatives.rows[places, columns], anchors.reference_scores[places] - negatives.scores[places, columns]


def _histogram(margins: Floats) -> MarginHistogram:
    finite = margins[np.isfinite(margins)]
    if not len(finite):
        return {"edges": [], "chosen": []}
    edges = round_edges(float(finite.min()), float(finite.max()), BINS // 4)
    return {"edges": edges.tolist(), "chosen": np.histogram(finite, bins=edges)[0].tolist()}


def _suspicious(dataset: Dataset, queries: Ints, rows: Rows, margins: Floats) -> list[SuspiciousNegative]:
    worst_by_query: dict[int, int] = {}
    for negative in np.argsort(margins, kind="stable").tolist():  # NaN sorts last
        worst_by_query.setdefault(int(queries[negative]), negative)
        if len(worst_by_query) == 2 * MAX_SUSPICIOUS_QUERIES:
            break
    order = list(worst_by_query.values())
    ids = zip(dataset.queries.ids(queries[order]), dataset.corpus.ids(rows[order]), strict=True) if order else ()
    cases: list[SuspiciousNegative] = [
        {"query_id": query, "passage_id": passage, "margin": float(margin) if math.isfinite(margin) else None}
        for (query, passage), margin in zip(ids, margins[order].tolist(), strict=True)
    ]
    return sorted(cases, key=_by_margin)[:MAX_SUSPICIOUS_QUERIES]


def _by_margin(case: SuspiciousNegative) -> tuple[bool, float, bytes]:
    return case["margin"] is None, case["margin"] or 0.0, case["query_id"].encode()


def _sample(dataset: Dataset, queries: Ints, rows: Rows, hashes: Any) -> list[dict[str, str]]:
    """The sample, each pair once, however many anchors chose it."""
    order = np.argsort(hashes, kind="stable")
    pairs = list(dict.fromkeys(_pairs(queries, rows, order[: 8 * SAMPLE_SIZE])))[:SAMPLE_SIZE]
    ids = zip(dataset.queries.ids([q for q, _ in pairs]), dataset.corpus.ids([r for _, r in pairs]), strict=True) if pairs else ()
    return [{"query_id": query, "passage_id": passage} for query, passage in ids]


def _pairs(queries: Ints, rows: Rows, order: Ints) -> Iterator[tuple[int, int]]:
    return zip(queries[order].tolist(), rows[order].tolist(), strict=True)

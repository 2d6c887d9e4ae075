"""A second look at a run, for who reviews it: where a ceiling would cut, and which of its negatives to look at first.

Reads every block once and keeps a few numbers: counts of scores in bins of a round width, the most suspicious queries, a random sample.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from miner.runs.candidate_store import read_blocks
from miner.runs.rechoose import Choice, choices
from miner.runs.run import Run
from miner.support import noise
from miner.types import Dataset, Floats, Ints, Rows

VERSION = 1
BINS = 200
QUEUED, SAMPLED = 1000, 400
"""Queries in the order of suspicion, and negatives drawn by chance, that are kept."""

SEED = 0
"""Of the sample: everybody who reviews a run draws the same one."""


def survey(run: Run) -> dict[str, Any]:
    """version; scores: {positives, kept, dropped, chosen} and margins: {chosen}, each edges and counts; suspicious; sample.

    kept counts all candidates that no filter dropped, chosen those of them that were written. suspicious: queries, that with the smallest
    margin first, each with its most suspicious negative. sample: (query, negative) pairs in an order drawn by chance.
    """
    path, dataset = run.candidates, run.dataset
    bins = _Bins(*_range(path))
    found: list[tuple[Ints, Rows, Floats]] = []
    for choice in choices(path, dataset, run.config):
        bins.add(choice)
        found.append(_chosen(choice))
    queries, rows, margins = (np.concatenate(parts) for parts in zip(*found, strict=True))
    keys = noise.keys(dataset.queries.ids(queries)), noise.keys(dataset.corpus.ids(rows))
    drawn = noise.uniform(SEED, keys[0], keys[1][:, None])[:, 0] if len(rows) else np.empty(0)
    return {
        "version": VERSION,
        "scores": {"edges": bins.edges.tolist(), **{name: counts.tolist() for name, counts in bins.counts.items()}},
        "margins": _histogram(margins),
        "suspicious": _suspicious(dataset, queries, rows, margins),
        "sample": _sampled(dataset, queries, rows, drawn),
    }


class _Bins:
    """Scores counted in bins of a round width."""

    def __init__(self, low: float, high: float) -> None:
        self.edges = round_edges(low, high, BINS)
        self.counts = {name: np.zeros(len(self.edges) - 1, np.int64) for name in ("positives", "kept", "dropped", "chosen")}

    def add(self, choice: Choice) -> None:
        """One part of a block."""
        anchors, dropped, negatives = choice
        kept, gone = anchors.present & (dropped == 0), anchors.present & (dropped > 0) & (dropped < 255)
        there = {"positives": anchors.positive_scores, "kept": anchors.scores[kept], "dropped": anchors.scores[gone]}
        for name, scores in {**there, "chosen": negatives.scores[negatives.rows >= 0]}.items():
            self.counts[name] += np.histogram(scores[np.isfinite(scores)], bins=self.edges)[0]


def round_edges(low: float, high: float, most: int) -> Floats:
    """Edges of at most `most` bins over [low, high], multiples of 1, 2 or 5 times a power of ten."""
    rough = max((high - low) / (most - 1), 1e-6 * max(abs(low), abs(high), 1e-6))
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
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


def _chosen(choice: Choice) -> tuple[Ints, Rows, Floats]:
    """Query, row and margin of every negative of the run's own rules and ladder; what was only filled in has no rank."""
    anchors, _, negatives = choice
    places, columns = np.nonzero((negatives.rows >= 0) & (negatives.ranks > 0))
    return negatives.queries[places], negatives.rows[places, columns], anchors.bar[places] - negatives.scores[places, columns]


def _histogram(margins: Floats) -> dict[str, Any]:
    finite = margins[np.isfinite(margins)]
    if not len(finite):
        return {"edges": [], "chosen": []}
    edges = round_edges(float(finite.min()), float(finite.max()), BINS // 4)
    return {"edges": edges.tolist(), "chosen": np.histogram(finite, bins=edges)[0].tolist()}


def _suspicious(dataset: Dataset, queries: Ints, rows: Rows, margins: Floats) -> list[dict[str, Any]]:
    worst: dict[int, int] = {}
    for place in np.argsort(margins, kind="stable").tolist():  # NaN sorts last
        worst.setdefault(int(queries[place]), place)
        if len(worst) == 2 * QUEUED:
            break
    places = list(worst.values())
    ids = zip(dataset.queries.ids(queries[places]), dataset.corpus.ids(rows[places]), strict=True) if places else ()
    named = [
        {"query_id": query, "passage_id": passage, "margin": float(margin) if math.isfinite(margin) else None}
        for (query, passage), margin in zip(ids, margins[places].tolist(), strict=True)
    ]
    return sorted(named, key=_by_margin)[:QUEUED]


def _by_margin(case: Mapping[str, Any]) -> tuple[bool, float, bytes]:
    return case["margin"] is None, case["margin"] or 0.0, case["query_id"].encode()


def _sampled(dataset: Dataset, queries: Ints, rows: Rows, drawn: Any) -> list[dict[str, str]]:
    """Each pair once, however many anchors chose it."""
    order = np.argsort(drawn, kind="stable")
    pairs = list(dict.fromkeys(_pairs(queries, rows, order[: 8 * SAMPLED])))[:SAMPLED]
    ids = zip(dataset.queries.ids([q for q, _ in pairs]), dataset.corpus.ids([r for _, r in pairs]), strict=True) if pairs else ()
    return [{"query_id": query, "passage_id": passage} for query, passage in ids]


def _pairs(queries: Ints, rows: Rows, order: Ints) -> Iterator[tuple[int, int]]:
    return zip(queries[order].tolist(), rows[order].tolist(), strict=True)

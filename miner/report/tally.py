"""Counts candidates and negatives block by block; the statistics are computed at the end, independent of order and size of blocks.

Each anchor is added once. Memory: 13 bytes per negative and 8 per positive; candidates are only counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from miner.report.cases import examples_of, short_queries, suspicious_of
from miner.report.distribution import rank_spread, share, spread
from miner.report.run_report import Setup, Statistics
from miner.report.selection import ChosenNegatives
from miner.report.statistics import ReportCounts, counts_of, hardness_of, hubs_of
from miner.types import Candidates, Codes, Dataset, Negatives

PADDING = 255


class Tally:
    """Counts candidates that were judged and dropped, and collects the negatives.

    filters: names in the order of the config, as `dropped_by` numbers them.
    negatives: M.
    depth: candidates per query before any deeper search.
    similarity: the similarity of the scores.
    """

    def __init__(self, filters: Sequence[str], negatives: int, depth: int, similarity: str) -> None:
        self.setup: Setup = {"filters": list(filters), "negatives": negatives, "depth": depth, "similarity": similarity}
        self.codes = np.zeros(256, np.int64)
        self.relaxed = np.zeros(256, np.int64)
        self._parts: dict[str, list[NDArray[Any]]] = {}
        self._anchors = 0

    def add(self, candidates: Candidates, dropped_by: Codes, negatives: Negatives) -> None:
        """Count one block: candidates (B, K), the filter that dropped each (B, K; 0 kept, 255 padding) and negatives (B, M)."""
        self.codes += np.bincount(dropped_by.ravel(), minlength=256)
        self.relaxed += _codes_of(negatives, dropped_by)
        anchors, places = np.nonzero(negatives.positives >= 0)
        self._append(
            queries=negatives.queries.astype(np.int32),
            rows=negatives.rows,
            scores=negatives.scores,
            ranks=negatives.ranks,
            tiers=negatives.tiers,
            pair_anchors=anchors + self._anchors,
            pair_rows=negatives.positives[anchors, places],
            pair_scores=negatives.positive_scores[anchors, places],
            pair_beyond=self._beyond(candidates, negatives)[anchors, places],
        )
        strict = ((negatives.rows >= 0) & (negatives.tiers == 0)).sum(axis=1)
        short = np.flatnonzero(strict < self.setup["negatives"])
        filters = np.arange(1, len(self.setup["filters"]) + 1, dtype=np.uint8)
        drops = (
            np.stack([(dropped_by[short] == code).sum(axis=1) for code in filters], axis=1) if len(filters) else np.zeros((len(short), 0))
        )
        self._append(short_anchors=short + self._anchors, short_drops=drops.astype(np.int32))
        self._anchors += len(negatives)

    def result(self, dataset: Dataset, *, suspicious: int = 20, examples: int = 20) -> Statistics:
        """All statistics, JSON-safe. suspicious, examples: the most suspicious positives, and the most short queries and example rows."""
        negatives, counts = self.chosen(), self.counts(dataset)
        return {
            "setup": self.setup,
            "counts": counts,
            "scores": {
                "positive": spread(negatives.pair_scores),
                "negative": spread(negatives.scores[negatives.is_negative]),
                "margin": spread(negatives.margins),
            },
            "ranks": rank_spread(negatives.ranks[negatives.is_negative]),
            "hardness": hardness_of(negatives, self.setup["similarity"]),
            "coverage": {name: share(counts["rows"][name], counts["pairs"]) for name in ("all", "any", "none")},
            "hubs": hubs_of(negatives, dataset),
            "starved": short_queries(negatives, dataset, self.setup, examples),
            "suspicious": suspicious_of(negatives, dataset, self.setup["depth"], suspicious),
            "examples": examples_of(negatives, dataset, examples),
        }

    def counts(self, dataset: Dataset) -> ReportCounts:
        """The counts alone: the part of `result` that is cheap."""
        negatives = self.chosen()
        relaxed = {name: int(self.relaxed[code]) for code, name in enumerate(self.setup["filters"], start=1) if self.relaxed[code]}
        counts = counts_of(negatives, self.setup, self.codes)
        counts["relaxed"], counts["ran_short"] = relaxed, negatives.incomplete_queries(dataset)
        return counts

    def _beyond(self, candidates: Candidates, negatives: Negatives) -> NDArray[np.bool_]:
        """Shape (B, P): True for a positive that scores below the candidate at rank `depth`."""
        depth = self.setup["depth"]
        if candidates.rows.shape[1] < depth:
            return np.zeros(negatives.positives.shape, np.bool_)
        last = candidates.scores[:, depth - 1 : depth]  # NaN, so nothing is below it, where there are fewer candidates
        beyond: NDArray[np.bool_] = negatives.positive_scores < last
        return beyond

    def _append(self, **arrays: NDArray[Any]) -> None:
        for name, array in arrays.items():
            self._parts.setdefault(name, []).append(array)

    def chosen(self) -> ChosenNegatives:
        """The negatives that were added so far."""
        parts = {name: np.concatenate(arrays) for name, arrays in self._parts.items()}
        return (
            ChosenNegatives(self.setup["negatives"], **parts)
            if parts
            else ChosenNegatives.empty(self.setup["negatives"], len(self.setup["filters"]))
        )


def _codes_of(negatives: Negatives, dropped_by: Codes) -> NDArray[np.int64]:
    """Shape (256,): the number of negatives that each filter drops under the strict rules; 0: those that pass all filters."""
    is_ranked = negatives.ranks > 0
    codes = np.take_along_axis(dropped_by, np.maximum(negatives.ranks.astype(np.int64) - 1, 0), axis=1)
    return np.bincount(codes[is_ranked], minlength=256)

"""Tally: what is counted block by block, and put together at the end. Each anchor is added once, in any order, in blocks of any size.

Holds 13 bytes per chosen negative and 8 per positive; candidates are counted as they pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from miner.report.cases import examples_of, starved_of, suspicious_of
from miner.report.distribution import rank_spread, share, spread
from miner.report.selection import Chosen
from miner.report.statistics import counts_of, hardness_of, hubs_of
from miner.types import Candidates, Codes, Dataset, Negatives

PADDING = 255


class Tally:
    """Counts what was judged, dropped and chosen.

    filters: names in the order they ran, as `dropped_by` numbers them. negatives: M. depth: candidates retrieved per query at first.
    """

    def __init__(self, filters: Sequence[str], negatives: int, depth: int, similarity: str) -> None:
        self.setup: dict[str, Any] = {"filters": list(filters), "negatives": negatives, "depth": depth, "similarity": similarity}
        self.codes = np.zeros(256, np.int64)
        self.relaxed = np.zeros(256, np.int64)
        self._parts: dict[str, list[NDArray[Any]]] = {}
        self._anchors = 0

    def add(self, candidates: Candidates, dropped_by: Codes, negatives: Negatives) -> None:
        """Count one block: the candidates (B, K), why each was dropped (B, K; 0 kept, 255 padding) and what was chosen (B, M)."""
        self.codes += np.bincount(dropped_by.ravel(), minlength=256)
        self.relaxed += _codes_of(negatives, dropped_by)
        anchors, places = np.nonzero(negatives.positives >= 0)
        self._keep(
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
        starved = np.flatnonzero(strict < self.setup["negatives"])
        filters = np.arange(1, len(self.setup["filters"]) + 1, dtype=np.uint8)
        reasons = (
            np.stack([(dropped_by[starved] == code).sum(axis=1) for code in filters], axis=1)
            if len(filters)
            else np.zeros((len(starved), 0))
        )
        self._keep(starved_anchors=starved + self._anchors, starved_reasons=reasons.astype(np.int32))
        self._anchors += len(negatives)

    def result(self, dataset: Dataset, *, suspicious: int = 20, examples: int = 20) -> dict[str, Any]:
        """Everything that was counted, as JSON-safe numbers; at most so many suspicious positives, starved queries and example rows."""
        chosen, counts = self.chosen(), self.counts(dataset)
        return {
            "setup": self.setup,
            "counts": counts,
            "scores": {
                "positive": spread(chosen.pair_scores),
                "negative": spread(chosen.scores[chosen.found]),
                "margin": spread(chosen.margins),
            },
            "ranks": rank_spread(chosen.ranks[chosen.found]),
            "hardness": hardness_of(chosen, self.setup["similarity"]),
            "coverage": {name: share(counts["rows"][name], counts["pairs"]) for name in ("all", "any", "none")},
            "hubs": hubs_of(chosen, dataset),
            "starved": starved_of(chosen, dataset, self.setup, examples),
            "suspicious": suspicious_of(chosen, dataset, self.setup["depth"], suspicious),
            "examples": examples_of(chosen, dataset, examples),
        }

    def counts(self, dataset: Dataset) -> dict[str, Any]:
        """How much of everything there was: the part of `result` that takes no time."""
        chosen = self.chosen()
        relaxed = {name: int(self.relaxed[code]) for code, name in enumerate(self.setup["filters"], start=1) if self.relaxed[code]}
        return counts_of(chosen, self.setup, self.codes) | {"relaxed": relaxed, "ran_short": chosen.ran_short(dataset)}

    def _beyond(self, candidates: Candidates, negatives: Negatives) -> NDArray[np.bool_]:
        """Shape (B, P): True for a positive that scores below the candidate at rank `depth`."""
        depth = self.setup["depth"]
        if candidates.rows.shape[1] < depth:
            return np.zeros(negatives.positives.shape, np.bool_)
        last = candidates.scores[:, depth - 1 : depth]  # NaN, hence never above, where there are fewer
        beyond: NDArray[np.bool_] = negatives.positive_scores < last
        return beyond

    def _keep(self, **arrays: NDArray[Any]) -> None:
        for name, array in arrays.items():
            self._parts.setdefault(name, []).append(array)

    def chosen(self) -> Chosen:
        """Everything that was added so far."""
        parts = {name: np.concatenate(arrays) for name, arrays in self._parts.items()}
        return Chosen(self.setup["negatives"], **parts) if parts else Chosen.nothing(self.setup["negatives"], len(self.setup["filters"]))


def _codes_of(negatives: Negatives, dropped_by: Codes) -> NDArray[np.int64]:
    """Shape (256,): how many of the negatives each filter drops where no rule is relaxed; 0: those that satisfy all."""
    found = negatives.ranks > 0
    codes = np.take_along_axis(dropped_by, np.maximum(negatives.ranks.astype(np.int64) - 1, 0), axis=1)
    return np.bincount(codes[found], minlength=256)

"""One run of a comparison: its negatives and positives, and the fates of the other run's negatives in it."""

from __future__ import annotations

from typing import Any, TypedDict

import numpy as np

from miner.comparison.matching import Pairs, Space, pairs_of
from miner.runs.rechoose import choices
from miner.runs.run import Run
from miner.types import Ints, Progress

PASSES_FILTERS, NOT_RETRIEVED = 254, 0


class FateCounts(TypedDict):
    """The number of pairs, and the number of each fate in the other run, the most frequent first."""

    pairs: int
    there: dict[str, int]


def side_of(run: Run, space: Space, side: int, on_progress: Progress | None) -> tuple[Pairs, Pairs]:
    """The negatives of a run, and its known positives with their ranks by score among the candidates."""
    parts: dict[str, list[Any]] = {name: [np.empty(0)] for name in ("nk", "ns", "nr", "np", "pk", "ps", "pr")}
    done = 0
    for anchors, _, negatives in choices(run.candidates, run.dataset, run.config):
        is_negative, is_positive = negatives.rows >= 0, anchors.positives >= 0
        parts["nk"].append(space.keys(side, negatives.queries[:, None], negatives.rows)[is_negative])
        parts["ns"].append(negatives.scores[is_negative])
        parts["nr"].append(negatives.ranks[is_negative])
        parts["np"].append(np.broadcast_to(np.arange(is_negative.shape[1]), is_negative.shape)[is_negative])
        parts["pk"].append(space.keys(side, anchors.queries[:, None], anchors.positives)[is_positive])
        parts["ps"].append(anchors.positive_scores[is_positive])
        better = np.stack([(anchors.scores > column[:, None]).sum(axis=1) for column in anchors.positive_scores.T], axis=1)
        parts["pr"].append(np.where(better < anchors.present.sum(axis=1)[:, None], better + 1, 0)[is_positive])
        done += len(anchors)
        if on_progress:
            on_progress(f"choose again from {run.folder.name}", done, max(done, len(run.dataset.queries)))
    joined = {name: np.concatenate(arrays) for name, arrays in parts.items()}
    negative_pairs = pairs_of(joined["nk"], joined["ns"], joined["nr"], joined["np"])
    return negative_pairs, pairs_of(joined["pk"], joined["ps"], joined["pr"], joined["pr"] * 0)


class Fates:
    """The fates in one run of the pairs (W,) that only the other run chose: not retrieved, dropped by a filter, or kept.

    keys: sorted keys of the pairs.
    """

    def __init__(self, run: Run, space: Space, side: int, keys: Ints, on_progress: Progress | None) -> None:
        self.names, self.keys = list(run.config.active_filters), keys
        self.in_corpus = space.has(side, keys)
        self.codes = np.full(len(keys), NOT_RETRIEVED, dtype=np.int64)
        self.scores = np.full(len(keys), np.nan)
        done = 0
        for anchors, dropped, _ in choices(run.candidates, run.dataset, run.config) if len(keys) else ():
            candidates = space.keys(side, anchors.queries[:, None], anchors.rows)
            positions = np.minimum(np.searchsorted(keys, candidates), len(keys) - 1)
            is_match = (keys[positions] == candidates) & anchors.present
            np.maximum.at(
                self.codes, positions[is_match], np.where(dropped[is_match] == 0, PASSES_FILTERS, dropped[is_match]).astype(np.int64)
            )
            self.scores[positions[is_match]] = anchors.scores[is_match]
            done += len(anchors)
            if on_progress:
                on_progress(f"look up in {run.folder.name}", done, max(done, len(run.dataset.queries)))

    def name(self, pair: int) -> str:
        """The fate of one pair in words."""
        code = int(self.codes[pair])
        if code == NOT_RETRIEVED:
            return "not retrieved" if self.in_corpus[pair] else "not in its corpus"
        return "kept, others chosen" if code == PASSES_FILTERS else f"dropped by {self.names[code - 1]}"

    def describe(self) -> FateCounts:
        """The numbers of pairs and of each fate."""
        counts: dict[str, int] = {}
        for pair in range(len(self.keys)):
            counts[self.name(pair)] = counts.get(self.name(pair), 0) + 1
        return {"pairs": len(self.keys), "there": dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))}

"""What one run chose, and what became in it of what the other one chose."""

from __future__ import annotations

from typing import Any

import numpy as np

from miner.comparison.matching import Pairs, Space, pairs_of
from miner.runs.rechoose import choices
from miner.runs.run import Run
from miner.types import Ints, Progress

KEPT, ABSENT = 254, 0

Told = dict[str, Any]


def side_of(run: Run, space: Space, side: int, on_progress: Progress | None) -> tuple[Pairs, Pairs]:
    """The chosen negatives of a run, and its known positives with their ranks by score among what was retrieved."""
    parts: dict[str, list[Any]] = {name: [np.empty(0)] for name in ("nk", "ns", "nr", "np", "pk", "ps", "pr")}
    done = 0
    for anchors, _, chosen in choices(run.candidates, run.dataset, run.config):
        there, known = chosen.rows >= 0, anchors.positives >= 0
        parts["nk"].append(space.keys(side, chosen.queries[:, None], chosen.rows)[there])
        parts["ns"].append(chosen.scores[there])
        parts["nr"].append(chosen.ranks[there])
        parts["np"].append(np.broadcast_to(np.arange(there.shape[1]), there.shape)[there])
        parts["pk"].append(space.keys(side, anchors.queries[:, None], anchors.positives)[known])
        parts["ps"].append(anchors.positive_scores[known])
        better = np.stack([(anchors.scores > column[:, None]).sum(axis=1) for column in anchors.positive_scores.T], axis=1)
        parts["pr"].append(np.where(better < anchors.present.sum(axis=1)[:, None], better + 1, 0)[known])
        done += len(anchors)
        if on_progress:
            on_progress(f"choose again from {run.folder.name}", done, max(done, len(run.dataset.queries)))
    joined = {name: np.concatenate(arrays) for name, arrays in parts.items()}
    negatives = pairs_of(joined["nk"], joined["ns"], joined["nr"], joined["np"])
    return negatives, pairs_of(joined["pk"], joined["ps"], joined["pr"], joined["pr"] * 0)


class Fates:
    """What became in one run of pairs (W,) that the other one chose."""

    def __init__(self, run: Run, space: Space, side: int, wanted: Ints, on_progress: Progress | None) -> None:
        self.names, self.wanted = list(run.config.active_filters), wanted
        self.in_corpus = space.has(side, wanted)
        self.codes = np.full(len(wanted), ABSENT, dtype=np.int64)
        self.scores = np.full(len(wanted), np.nan)
        done = 0
        for anchors, dropped, _ in choices(run.candidates, run.dataset, run.config) if len(wanted) else ():
            keys = space.keys(side, anchors.queries[:, None], anchors.rows)
            at = np.minimum(np.searchsorted(wanted, keys), len(wanted) - 1)
            hit = (wanted[at] == keys) & anchors.present
            np.maximum.at(self.codes, at[hit], np.where(dropped[hit] == 0, KEPT, dropped[hit]).astype(np.int64))
            self.scores[at[hit]] = anchors.scores[hit]
            done += len(anchors)
            if on_progress:
                on_progress(f"look up in {run.folder.name}", done, max(done, len(run.dataset.queries)))

    def name(self, place: int) -> str:
        """One pair's fate in words."""
        code = int(self.codes[place])
        if code == ABSENT:
            return "not retrieved" if self.in_corpus[place] else "not in its corpus"
        return "kept, others chosen" if code == KEPT else f"dropped by {self.names[code - 1]}"

    def describe(self) -> Told:
        """How many, and how many of each fate, the most frequent first."""
        counts: dict[str, int] = {}
        for place in range(len(self.wanted)):
            counts[self.name(place)] = counts.get(self.name(place), 0) + 1
        return {"pairs": len(self.wanted), "there": dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))}

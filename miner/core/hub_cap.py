"""The hub cap: how often one passage may be a negative. Without it, a passage near everything (a hub) fills the training file.

Every anchor has a list of preferences, the same with and without a cap. Anchors choose one after the other, in the order of a hash of
(seed, query id); each takes what it prefers among the passages that are not used up. The result is that of complete lists, though only
their beginnings are held: an anchor that reaches the end of its list gets a longer one, and all choose again.

Owns the assignment; must not know how a list is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypedDict

import numpy as np

from miner.config import MiningConfig
from miner.evidence.identity import id_keys
from miner.support import noise
from miner.types import Candidates, Dataset, Ints, Rows

EXTRA_PREFERENCES = 16
"""Preferences held for every anchor at first, beside the negatives it asks for."""

MIN_USES, MEAN_USES_FACTOR = 5, 3
"""`auto` allows three times the mean use, and at least five uses."""

ANCHORS_PER_BATCH = 4096


class CapStatistics(TypedDict, total=False):
    """The hub cap, how many passages reached it, and how often an anchor was refused one."""

    cap: int
    passages_at_cap: int
    passed_over: int


class NegativeAllocator:
    """All A anchors of a run, numbered by query row (and positive, where each has its own), until every anchor has its negatives."""

    def __init__(self, dataset: Dataset, config: MiningConfig) -> None:
        self._starts, queries = _numbered(dataset, per_pair=config.anchor == "own")
        rank = np.empty(len(dataset.queries), dtype=np.int64)
        rank[dataset.queries.id_order] = np.arange(len(rank))
        self._order = np.lexsort((rank[queries], noise.drawn(config.seed, id_keys(dataset.queries)[queries])))
        self._negatives = config.negatives
        mean_use = MEAN_USES_FACTOR * len(queries) * config.negatives
        self.cap = max(MIN_USES, -(-mean_use // max(len(dataset.corpus), 1))) if config.hub_cap == "auto" else int(config.hub_cap or 0)
        self.width, self.is_complete = config.negatives + EXTRA_PREFERENCES, False
        self._beginnings: Rows = np.full((len(queries), self.width), -1, dtype=np.int32)
        self._longer_lists: dict[int, list[int]] = {}
        self._unassigned = np.ones(len(queries), dtype=bool)
        self._columns = np.full((len(queries), config.negatives), -1, dtype=np.int16)
        self._use_counts: dict[int, int] = {}
        self._passed_over = 0

    def unassigned(self, anchors: Candidates) -> tuple[Candidates, Ints]:
        """Anchors that still need a (longer) preference list, and their numbers."""
        numbers = self._numbers(anchors)
        open_anchors = np.flatnonzero(self._unassigned[numbers])
        return anchors.take(open_anchors), numbers[open_anchors]

    def add(self, numbers: Ints, rows: Rows) -> None:
        """Note the preferences rows (B, width) of some anchors, best first, -1 padded."""
        if rows.shape[1] == self._beginnings.shape[1]:
            self._beginnings[numbers] = rows
        else:
            self._longer_lists |= dict(zip(numbers.tolist(), rows.tolist(), strict=True))

    def assign(self) -> None:
        """Hand out passages anew. Complete unless an anchor used up a list that goes on."""
        self._use_counts, self._passed_over = {}, 0
        self._columns[:] = -1
        self._unassigned[:] = False
        for anchor, preferences in self._preferences():
            columns = self._assign_one(preferences)
            self._columns[anchor, : len(columns)] = columns
            self._unassigned[anchor] = len(columns) < self._negatives and preferences[-1] >= 0
        self.is_complete = not self._unassigned.any()
        self.width *= 2

    def columns(self, anchors: Candidates) -> Ints:
        """Shape (B, M): the positions in each anchor's list of preferences that it gets, rising, -1 padded."""
        return self._columns[self._numbers(anchors)].astype(np.int64)

    def statistics(self) -> CapStatistics:
        """The cap, how many passages reached it, and how often an anchor was refused one."""
        full = sum(count >= self.cap for count in self._use_counts.values())
        return {"cap": self.cap, "passages_at_cap": full, "passed_over": self._passed_over}

    def _assign_one(self, preferences: list[int]) -> list[int]:
        columns: list[int] = []
        for column, row in enumerate(preferences):
            if row < 0 or len(columns) == self._negatives:
                break
            uses = self._use_counts.get(row, 0)
            if uses < self.cap:
                self._use_counts[row] = uses + 1
                columns.append(column)
            else:
                self._passed_over += 1
        return columns

    def _preferences(self) -> Iterator[tuple[int, list[int]]]:
        for start in range(0, len(self._order), ANCHORS_PER_BATCH):
            batch = self._order[start : start + ANCHORS_PER_BATCH]
            for anchor, row in zip(batch.tolist(), self._beginnings[batch].tolist(), strict=True):
                yield anchor, self._longer_lists.get(anchor, row)

    def _numbers(self, anchors: Candidates) -> Ints:
        """Shape (B,): anchors of the same query stand next to each other, in the order of its positives."""
        queries, position = anchors.queries, np.arange(len(anchors))
        first = np.ones(len(anchors), dtype=bool)
        first[1:] = queries[1:] != queries[:-1]
        numbers: Ints = self._starts[queries] + position - np.maximum.accumulate(np.where(first, position, 0))
        return numbers


def _numbered(dataset: Dataset, *, per_pair: bool) -> tuple[Ints, Ints]:
    """The number of each query's first anchor (Q,), and the query of each anchor (A,)."""
    qrels = dataset.qrels
    good = np.concatenate([[0], np.cumsum(qrels.grades >= qrels.min_grade)])
    counts = np.diff(good[qrels.indptr]) if per_pair else np.ones(len(dataset.queries), dtype=np.int64)
    starts: Ints = np.concatenate([[0], np.cumsum(counts)])[:-1].astype(np.int64)
    return starts, np.repeat(np.arange(len(dataset.queries)), counts)

"""The hub cap: how often one passage may be a negative. A passage near everything would else fill the training file.

Every anchor has a list of preferences, which is the same with and without a cap. Anchors choose one after the other, in the order of a
hash of (seed, query id), each what it prefers among the passages that are not used up. The result is that of complete lists, though only
their beginnings are held: an anchor that came to the end of its beginning gets a longer one, and all choose again.

Owns who gets what; must not know how a list comes about.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from miner.config import MiningConfig
from miner.evidence.identity import id_keys
from miner.support import noise
from miner.types import Candidates, Dataset, Ints, Rows

RESERVE = 16
"""Preferences held for every anchor at first, beside the negatives it asks for."""

LEAST, TIMES = 5, 3
"""`auto` allows three times the mean use, and at least five uses."""

BATCH = 4096


class Crowd:
    """All A anchors of a run, numbered by query row (and positive, where each has its own), until everybody got something."""

    def __init__(self, dataset: Dataset, config: MiningConfig) -> None:
        self._starts, queries = _numbered(dataset, own=config.anchor == "own")
        rank = np.empty(len(dataset.queries), dtype=np.int64)
        rank[dataset.queries.id_order] = np.arange(len(rank))
        self._turns = np.lexsort((rank[queries], noise.drawn(config.seed, id_keys(dataset.queries)[queries])))
        self._negatives = config.negatives
        mean_use = TIMES * len(queries) * config.negatives
        self.cap = max(LEAST, -(-mean_use // max(len(dataset.corpus), 1))) if config.hub_cap == "auto" else int(config.hub_cap or 0)
        self.width, self.settled = config.negatives + RESERVE, False
        self._lists: Rows = np.full((len(queries), self.width), -1, dtype=np.int32)
        self._longer: dict[int, list[int]] = {}
        self._waiting = np.ones(len(queries), dtype=bool)
        self._columns = np.full((len(queries), config.negatives), -1, dtype=np.int16)
        self._used: dict[int, int] = {}
        self._passed_over = 0

    def waiting(self, anchors: Candidates) -> tuple[Candidates, Ints]:
        """Those of which a (longer) list is wanted, and their numbers: of some of a query's anchors these can no longer be counted."""
        numbers = self._numbers(anchors)
        wanted = np.flatnonzero(self._waiting[numbers])
        return anchors.take(wanted), numbers[wanted]

    def add(self, numbers: Ints, rows: Rows) -> None:
        """The preferences (B, width) of some anchors, the first first, -1 behind the last."""
        if rows.shape[1] == self._lists.shape[1]:
            self._lists[numbers] = rows
        else:
            self._longer |= dict(zip(numbers.tolist(), rows.tolist(), strict=True))

    def settle(self) -> None:
        """Everybody chooses. Settled, unless somebody came to the end of a list that goes on."""
        self._used, self._passed_over = {}, 0
        self._columns[:] = -1
        self._waiting[:] = False
        for anchor, wanted in self._in_turn():
            got = self._serve(wanted)
            self._columns[anchor, : len(got)] = got
            self._waiting[anchor] = len(got) < self._negatives and wanted[-1] >= 0
        self.settled = not self._waiting.any()
        self.width *= 2

    def columns(self, anchors: Candidates) -> Ints:
        """Shape (B, M): which of its preferences each anchor gets, rising, -1 where it ran short."""
        return self._columns[self._numbers(anchors)].astype(np.int64)

    def told(self) -> dict[str, int]:
        """The cap, how many passages reached it, and how often an anchor was refused one."""
        full = sum(count >= self.cap for count in self._used.values())
        return {"cap": self.cap, "passages_at_cap": full, "passed_over": self._passed_over}

    def _serve(self, wanted: list[int]) -> list[int]:
        got: list[int] = []
        for column, row in enumerate(wanted):
            if row < 0 or len(got) == self._negatives:
                break
            uses = self._used.get(row, 0)
            if uses < self.cap:
                self._used[row] = uses + 1
                got.append(column)
            else:
                self._passed_over += 1
        return got

    def _in_turn(self) -> Iterator[tuple[int, list[int]]]:
        for start in range(0, len(self._turns), BATCH):
            some = self._turns[start : start + BATCH]
            for anchor, row in zip(some.tolist(), self._lists[some].tolist(), strict=True):
                yield anchor, self._longer.get(anchor, row)

    def _numbers(self, anchors: Candidates) -> Ints:
        """Shape (B,): anchors of the same query stand next to each other, in the order of its positives."""
        queries, at = anchors.queries, np.arange(len(anchors))
        first = np.ones(len(anchors), dtype=bool)
        first[1:] = queries[1:] != queries[:-1]
        numbers: Ints = self._starts[queries] + at - np.maximum.accumulate(np.where(first, at, 0))
        return numbers


def _numbered(dataset: Dataset, *, own: bool) -> tuple[Ints, Ints]:
    """The number of each query's first anchor (Q,), and the query of each anchor (A,)."""
    qrels = dataset.qrels
    good = np.concatenate([[0], np.cumsum(qrels.grades >= qrels.min_grade)])
    counts = np.diff(good[qrels.indptr]) if own else np.ones(len(dataset.queries), dtype=np.int64)
    starts: Ints = np.concatenate([[0], np.cumsum(counts)])[:-1].astype(np.int64)
    return starts, np.repeat(np.arange(len(dataset.queries)), counts)

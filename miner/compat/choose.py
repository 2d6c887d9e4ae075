"""Block by block: candidates, the cross-encoder's scores, judging, and the negatives that are taken. Only those are kept."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from miner.compat.arguments import Asked
from miner.compat.distinct_texts import Pairs
from miner.compat.original_rules import rules
from miner.compat.rescore import Rescorer, array, open_rescorer
from miner.compat.search import Search
from miner.core.pipeline import BLOCK, judge
from miner.types import Bools, Candidates, Codes, Floats, Ints

CELLS = 2**23
"""Candidates held at once."""


@dataclass(frozen=True)
class Mined:
    """rows int64 (Q, M), best first, -1 where a query ran short; scores (Q, M), -inf there; known: tensor (P,), of each positive.

    removed: candidates that each filter removed, by the name of its argument.
    """

    rows: Ints
    scores: Any
    known: Any
    removed: Counter[str]


def choose(search: Search, pairs: Pairs, asked: Asked) -> Mined:
    """The negatives of all queries."""
    from tqdm.auto import trange

    with open_rescorer(pairs, asked) as rescorer:
        known = rescorer.positives() if rescorer else search.pairs(pairs.owners, pairs.positive_rows)
        miner = _Miner(search, pairs, asked, rescorer, known)
        block = max(1, min(BLOCK, CELLS // asked.depth))
        told = "Querying FAISS index" if asked.values["use_faiss"] else "Computing similarity scores"
        told = "Rescoring with CrossEncoder" if rescorer else told
        parts = [miner.block(start, min(start + block, len(pairs.queries))) for start in trange(0, len(pairs.queries), block, desc=told)]
    rows, scores = (np.concatenate(both) for both in zip(*parts, strict=True))
    return Mined(rows, scores, known, miner.removed)


class _Miner:
    """What every block needs, and what was removed so far."""

    def __init__(self, search: Search, pairs: Pairs, asked: Asked, rescorer: Rescorer | None, known: Any) -> None:
        self._search, self._pairs, self._asked, self._rescorer = search, pairs, asked, rescorer
        self._known = known
        self._row_of = {text: row for row, text in enumerate(pairs.corpus)} if asked.repairs.without_anchor else {}
        self.removed: Counter[str] = Counter()

    def block(self, start: int, stop: int) -> tuple[Ints, Any]:
        """Rows and scores (B, M)."""
        rows, scores = self._search.nearest(start, stop, self._depth(start, stop))
        rows = self._own_depth(start, stop, rows)
        positive = self._among_positives(start, stop, rows)
        if self._rescorer:
            wanted = (rows >= 0) if self._asked.values["include_positives"] else (rows >= 0) & ~positive
            rows, scores = self._rescorer.candidates(start, rows, scores, wanted)
            positive = self._among_positives(start, stop, rows)
        candidates = self._candidates(start, stop, rows, scores, positive)
        filters = rules(self._asked, scores.dtype, self._known.dtype)
        dropped = judge(candidates, list(filters.values()))
        self._count(list(filters), dropped)
        return self._take(rows, scores, dropped == 0)

    def _depth(self, start: int, stop: int) -> int:
        """All that was asked for; less where no score can remove a candidate, and the best few are the answer."""
        if self._asked.filtered or self._asked.strategy == "random":
            return self._asked.depth
        own = 0 if self._asked.values["include_positives"] else max(map(len, self._pairs.positives[start:stop]))
        return min(self._asked.depth, self._asked.range_min + self._asked.negatives + own + self._asked.repairs.without_anchor)

    def _own_depth(self, start: int, stop: int, rows: Ints) -> Ints:
        """With the repair: no candidates beyond what a query with so many positives needs, whatever the others have."""
        if not self._asked.repairs.own_depth:
            return rows
        own = np.diff(self._pairs.starts[start : stop + 1])
        depth = self._asked.range_max + own - (self._asked.most_positives - own if self._asked.automatic else 0)
        return np.where(np.arange(rows.shape[1]) < depth[:, None], rows, -1)

    def _among_positives(self, start: int, stop: int, rows: Ints) -> Bools:
        """Shape (B, K): whether a candidate is a positive of its query."""
        first, last = self._pairs.starts[start], self._pairs.starts[stop]
        size = len(self._pairs.corpus)
        own = (self._pairs.owners[first:last] - start) * size + self._pairs.positive_rows[first:last]
        found: Bools = np.isin(np.arange(stop - start)[:, None] * size + rows, own) & (rows >= 0)
        return found

    def _candidates(self, start: int, stop: int, rows: Ints, scores: Any, positive: Bools) -> Candidates:
        evidence: dict[str, Any] = {"known_positive": positive}
        if self._row_of:
            own = np.array([self._row_of.get(text, -1) for text in self._pairs.queries[start:stop]])
            evidence |= {"same_text": np.where(rows == own[:, None], 2, 0), "same_id": np.zeros(rows.shape, dtype=bool)}
        bar = self._bar(start, stop)
        none = np.full((len(rows), 1), -1)
        return Candidates(np.arange(start, stop), rows, scores, none, none.astype(np.float32), bar, bar, evidence)  # type: ignore[arg-type]

    def _bar(self, start: int, stop: int) -> Floats:
        """Shape (B,): the weakest positive's score."""
        first, last = (int(self._pairs.starts[at]) for at in (start, stop))
        lowest: Floats = np.minimum.reduceat(array(self._known[first:last]), self._pairs.starts[start:stop] - first)
        return lowest

    def _count(self, names: list[str], dropped: Codes) -> None:
        for place, name in enumerate(names, 1):
            self.removed[name] += int((dropped == place).sum())
        # What the original reports for min_score: all that is not left, padding included.
        left = (dropped == 0) | (dropped == len(names))
        self.removed["not left"] += len(dropped) * self._asked.depth - int(left.sum())

    def _take(self, rows: Ints, scores: Any, kept: Bools) -> tuple[Ints, Any]:
        """The hardest of the kept, or as many drawn from Python's global random numbers, in the order of the queries."""
        wanted, found = self._asked.negatives, kept.sum(axis=1)
        order = np.argsort(~kept, axis=1, kind="stable")
        places = np.broadcast_to(np.arange(wanted), (len(rows), wanted))
        if self._asked.strategy == "random":
            places = np.array([sorted(random.sample(range(max(count, wanted)), k=wanted)) for count in found.tolist()])
        there = places < found[:, None]
        columns = np.take_along_axis(order, np.minimum(places, order.shape[1] - 1), axis=1)
        taken, worth = np.take_along_axis(rows, columns, axis=1), np.take_along_axis(scores, columns, axis=1)
        return np.where(there, taken, -1), np.where(there, worth, scores.dtype.type(-np.inf))

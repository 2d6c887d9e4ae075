"""Block by block: candidates, the cross-encoder's scores, filters, and the choice of negatives. Only the negatives stay in memory."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from miner.compat.arguments import Arguments
from miner.compat.distinct_texts import DistinctTexts
from miner.compat.original_rules import rules
from miner.compat.rescore import Rescorer, array, open_rescorer
from miner.compat.search import Search
from miner.core.judging import judge
from miner.core.retrieval import BLOCK
from miner.types import Bools, Candidates, Codes, Floats, Ints

MAX_CANDIDATE_CELLS = 2**23
"""Candidates in memory at once."""


@dataclass(frozen=True)
class MinedNegatives:
    """The negatives of all queries.

    rows: int64 (Q, M), best first, -1 where a query ran short.
    scores: (Q, M), -inf there.
    positive_scores: tensor (P,), of each (query, positive).
    removed: candidates that each filter removed, by the name of its argument.
    """

    rows: Ints
    scores: Any
    positive_scores: Any
    removed: Counter[str]


def choose(search: Search, pairs: DistinctTexts, arguments: Arguments) -> MinedNegatives:
    """Choose the negatives of all queries."""
    from tqdm.auto import trange

    with open_rescorer(pairs, arguments) as rescorer:
        positive_scores = rescorer.positives() if rescorer else search.pairs(pairs.owners, pairs.positive_rows)
        miner = _Miner(search, pairs, arguments, rescorer, positive_scores)
        block = max(1, min(BLOCK, MAX_CANDIDATE_CELLS // arguments.depth))
        description = "Querying FAISS index" if arguments.values["use_faiss"] else "Computing similarity scores"
        description = "Rescoring with CrossEncoder" if rescorer else description
        parts = [
            miner.block(start, min(start + block, len(pairs.queries))) for start in trange(0, len(pairs.queries), block, desc=description)
        ]
    rows, scores = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return MinedNegatives(rows, scores, positive_scores, miner.removed)


class _Miner:
    """The search and the arguments of all blocks, and the candidates removed so far."""

    def __init__(self, search: Search, pairs: DistinctTexts, arguments: Arguments, rescorer: Rescorer | None, positive_scores: Any) -> None:
        self._search, self._pairs, self._arguments, self._rescorer = search, pairs, arguments, rescorer
        self._positive_scores = positive_scores
        self._row_of = {text: row for row, text in enumerate(pairs.corpus)} if arguments.repairs.without_anchor else {}
        self.removed: Counter[str] = Counter()

    def block(self, start: int, stop: int) -> tuple[Ints, Any]:
        """Return the rows and scores (B, M) of the negatives."""
        rows, scores = self._search.nearest(start, stop, self._depth(start, stop))
        rows = self._limit_depth(start, stop, rows)
        is_positive = self._is_positive(start, stop, rows)
        if self._rescorer:
            to_rescore = (rows >= 0) if self._arguments.values["include_positives"] else (rows >= 0) & ~is_positive
            rows, scores = self._rescorer.candidates(start, rows, scores, to_rescore)
            is_positive = self._is_positive(start, stop, rows)
        candidates = self._candidates(start, stop, rows, scores, is_positive)
        filters = rules(self._arguments, scores.dtype, self._positive_scores.dtype)
        dropped = judge(candidates, list(filters.values()))
        self._count(list(filters), dropped)
        return self._select(rows, scores, dropped == 0)

    def _depth(self, start: int, stop: int) -> int:
        """Return how deep to search: the full depth, or less where no filter uses scores and the first candidates are the result."""
        if self._arguments.filtered or self._arguments.strategy == "random":
            return self._arguments.depth
        positives = 0 if self._arguments.values["include_positives"] else max(map(len, self._pairs.positives[start:stop]))
        return min(
            self._arguments.depth,
            self._arguments.range_min + self._arguments.negatives + positives + self._arguments.repairs.without_anchor,
        )

    def _limit_depth(self, start: int, stop: int, rows: Ints) -> Ints:
        """With the repair `own_depth`: drop candidates beyond the depth that follows from the query's own number of positives."""
        if not self._arguments.repairs.own_depth:
            return rows
        positives = np.diff(self._pairs.starts[start : stop + 1])
        depth = self._arguments.range_max + positives - (self._arguments.most_positives - positives if self._arguments.automatic else 0)
        return np.where(np.arange(rows.shape[1]) < depth[:, None], rows, -1)

    def _is_positive(self, start: int, stop: int, rows: Ints) -> Bools:
        """Return shape (B, K): whether a candidate is a positive of its query."""
        first, last = self._pairs.starts[start], self._pairs.starts[stop]
        size = len(self._pairs.corpus)
        positive_cells = (self._pairs.owners[first:last] - start) * size + self._pairs.positive_rows[first:last]
        is_positive: Bools = np.isin(np.arange(stop - start)[:, None] * size + rows, positive_cells) & (rows >= 0)
        return is_positive

    def _candidates(self, start: int, stop: int, rows: Ints, scores: Any, is_positive: Bools) -> Candidates:
        evidence: dict[str, NDArray[Any]] = {"known_positive": is_positive}
        if self._row_of:
            anchor_rows = np.array([self._row_of.get(text, -1) for text in self._pairs.queries[start:stop]])
            evidence |= {"same_text": np.where(rows == anchor_rows[:, None], 2, 0), "same_id": np.zeros(rows.shape, dtype=bool)}
        references = self._reference_scores(start, stop)
        none = np.full((len(rows), 1), -1)  # no filter here reads the positives of a query
        numbers = np.arange(start, stop)
        return Candidates(numbers, rows, scores, none, none.astype(np.float32), references, references, evidence)  # type: ignore[arg-type]

    def _reference_scores(self, start: int, stop: int) -> Floats:
        """Return shape (B,): the score of the query's weakest positive."""
        first, last = (int(self._pairs.starts[query]) for query in (start, stop))
        lowest: Floats = np.minimum.reduceat(array(self._positive_scores[first:last]), self._pairs.starts[start:stop] - first)
        return lowest

    def _count(self, names: list[str], dropped: Codes) -> None:
        for code, name in enumerate(names, 1):
            self.removed[name] += int((dropped == code).sum())
        # The original's count for min_score: every candidate that did not pass, padding included.
        remaining = (dropped == 0) | (dropped == len(names))
        self.removed["not left"] += len(dropped) * self._arguments.depth - int(remaining.sum())

    def _select(self, rows: Ints, scores: Any, passing: Bools) -> tuple[Ints, Any]:
        """Select the hardest of the passing candidates, or draw as many with Python's global `random`, in the order of the queries."""
        count, available = self._arguments.negatives, passing.sum(axis=1)
        order = np.argsort(~passing, axis=1, kind="stable")
        positions = np.broadcast_to(np.arange(count), (len(rows), count))
        if self._arguments.strategy == "random":
            positions = np.array([sorted(random.sample(range(max(total, count)), k=count)) for total in available.tolist()])
        is_present = positions < available[:, None]
        columns = np.take_along_axis(order, np.minimum(positions, order.shape[1] - 1), axis=1)
        selected_rows, selected_scores = np.take_along_axis(rows, columns, axis=1), np.take_along_axis(scores, columns, axis=1)
        return np.where(is_present, selected_rows, -1), np.where(is_present, selected_scores, scores.dtype.type(-np.inf))

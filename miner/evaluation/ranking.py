"""Every passage of the corpus ranked for every query, exactly: by score, then by passage id, copies of a text too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from miner.scratch import scratch
from miner.sources import Dense
from miner.types import Dataset, Floats, Ints, Rows, Vectors

BLOCK = 4096
SelfMatch = Literal["keep", "id", "text"]


@dataclass(frozen=True)
class Ranking:
    """The best passages of every query, in the order of the queries' rows.

    rows int32 (Q, k), -1 padded where the corpus has fewer; scores float32 (Q, k), NaN there.
    """

    rows: Rows
    scores: Floats


def rank(dataset: Dataset, vectors: Vectors, depth: int, self_match: SelfMatch = "keep") -> Ranking:
    """Rank the corpus down to `depth`.

    self_match: where the queries are passages themselves, a query finds itself; "id" takes the passage with the query's id out of
    its ranking, "text" every passage with the query's text.
    """
    with scratch() as work:
        source = Dense(dataset, vectors, work)
        expand = _Copies(dataset, source)
        own = _own(dataset, self_match)
        rows = np.full((len(dataset.queries), depth), -1, dtype=np.int32)
        scores = np.full(rows.shape, np.nan, dtype=np.float32)
        for start in range(0, len(rows), BLOCK):
            block = np.arange(start, min(start + BLOCK, len(rows)))
            found, told, _ = source.retrieve(block, depth + 1)
            for place, query in enumerate(block.tolist()):
                kept, values = expand(found[place], told[place], own.get(query), by_text=self_match == "text")
                rows[query, : len(kept[:depth])], scores[query, : len(kept[:depth])] = kept[:depth], values[:depth]
    return Ranking(rows, scores)


class _Copies:
    """A source keeps one passage of each distinct text; here the others come back, behind it and in id order.

    The best k distinct texts hold the best k passages: whatever precedes a text's first id precedes all of its copies.
    """

    def __init__(self, dataset: Dataset, source: Dense) -> None:
        order = dataset.corpus.id_order
        self._id_rank = np.empty(len(order), dtype=np.int64)
        self._id_rank[order] = np.arange(len(order))
        self._position = source.position
        self._by_text = order[np.argsort(self._position[order], kind="stable")]
        self._starts = np.searchsorted(self._position[self._by_text], np.arange(len(source.passage_rows) + 1))
        self._unique = len(source.passage_rows) == len(order)

    def __call__(self, rows: Rows, scores: Floats, own: int | None, *, by_text: bool) -> tuple[Rows, Floats]:
        rows, scores = rows[rows >= 0], scores[rows >= 0]
        if not self._unique:
            positions = self._position[rows]
            starts, counts = self._starts[positions], self._starts[positions + 1] - self._starts[positions]
            places = np.repeat(starts - np.cumsum(counts) + counts, counts) + np.arange(int(counts.sum()))
            rows, scores = self._by_text[places], np.repeat(scores, counts)
            order = np.lexsort((self._id_rank[rows], -scores))
            rows, scores = rows[order], scores[order]
        if own is not None:
            kept = self._position[rows] != self._position[own] if by_text else rows != own
            rows, scores = rows[kept], scores[kept]
        return rows, scores


def _own(dataset: Dataset, self_match: SelfMatch) -> dict[int, int]:
    """{query row: the row of a passage that is the query itself}."""
    if self_match == "keep":
        return {}
    every: Ints = np.arange(len(dataset.queries))
    told = dataset.queries.ids(every) if self_match == "id" else dataset.queries.texts(every)
    wanted = set(told)
    known: dict[str, int] = {}
    for start in range(0, len(dataset.corpus), BLOCK):
        some = np.arange(start, min(start + BLOCK, len(dataset.corpus)))
        names = dataset.corpus.ids(some) if self_match == "id" else dataset.corpus.texts(some)
        known.update((name, row) for name, row in zip(names, some.tolist(), strict=True) if name in wanted)
    return {query: known[name] for query, name in enumerate(told) if name in known}

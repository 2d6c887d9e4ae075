"""Every passage of the corpus ranked for every query, exactly: by score, then by passage id, copies of a text too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from miner.io.scratch import scratch
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


@dataclass(frozen=True)
class SelfMatches:
    """Passages that are the query itself. rows: {query row: corpus rows (S,) taken out of its ranking}.

    judged: queries with a passage that stays though it has the query's id or text, because it is judged relevant.
    """

    rows: Mapping[int, Rows]
    judged: int


def rank(dataset: Dataset, vectors: Vectors, depth: int, self_match: SelfMatch = "id") -> Ranking:
    """Rank the corpus down to `depth`.

    self_match: where the queries are passages themselves, a query finds itself; "id" takes the passage with the query's id out of
    its ranking, as BEIR does, "text" every passage with the query's text, "keep" none; a passage that is judged relevant stays.
    """
    with scratch() as work:
        source = Dense(dataset, vectors, work)
        expand = _Copies(dataset, source)
        own = self_matches(dataset, self_match).rows
        rows = np.full((len(dataset.queries), depth), -1, dtype=np.int32)
        scores = np.full(rows.shape, np.nan, dtype=np.float32)
        for start in range(0, len(rows), BLOCK):
            block = np.arange(start, min(start + BLOCK, len(rows)))
            found, told, _ = source.retrieve(block, depth + 1)
            for place, query in enumerate(block.tolist()):
                kept, values = expand(found[place], told[place], own.get(query))
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

    def __call__(self, rows: Rows, scores: Floats, own: Rows | None) -> tuple[Rows, Floats]:
        rows, scores = rows[rows >= 0], scores[rows >= 0]
        if not self._unique:
            positions = self._position[rows]
            starts, counts = self._starts[positions], self._starts[positions + 1] - self._starts[positions]
            places = np.repeat(starts - np.cumsum(counts) + counts, counts) + np.arange(int(counts.sum()))
            rows, scores = self._by_text[places], np.repeat(scores, counts)
            order = np.lexsort((self._id_rank[rows], -scores))
            rows, scores = rows[order], scores[order]
        if own is not None:
            kept = ~np.isin(rows, own)
            rows, scores = rows[kept], scores[kept]
        return rows, scores


def self_matches(dataset: Dataset, self_match: SelfMatch) -> SelfMatches:
    """Passages with the query's id, or its text, but for those that are judged relevant to it: a judgement says more than a name."""
    if self_match == "keep":
        return SelfMatches({}, 0)
    every: Ints = np.arange(len(dataset.queries))
    names = dataset.queries.ids(every) if self_match == "id" else dataset.queries.texts(every)
    own, judged = _named(dataset, self_match, set(names)), 0
    out: dict[int, Rows] = {}
    for query, name in enumerate(names):
        if name in own:
            rows = np.array(own[name], dtype=np.int32)
            out[query] = rows[~np.isin(rows, dataset.qrels.positives(query))]
            judged += len(out[query]) < len(rows)
    return SelfMatches({query: rows for query, rows in out.items() if len(rows)}, judged)


def _named(dataset: Dataset, self_match: SelfMatch, wanted: set[str]) -> dict[str, list[int]]:
    """{id or text: rows of the passages that have it}."""
    found: dict[str, list[int]] = {}
    for start in range(0, len(dataset.corpus), BLOCK):
        some = np.arange(start, min(start + BLOCK, len(dataset.corpus)))
        names = dataset.corpus.ids(some) if self_match == "id" else dataset.corpus.texts(some)
        for name, row in zip(names, some.tolist(), strict=True):
            if name in wanted:
                found.setdefault(name, []).append(row)
    return found

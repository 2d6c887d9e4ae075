"""Ranks the whole corpus exactly for every query: by score, then by passage id; passages with equal texts are ranked one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from miner.io.scratch import scratch
from miner.sources import Dense
from miner.types import Dataset, Floats, Ints, Rows, Vectors

TEXT_BLOCK = 4096
SelfMatch = Literal["keep", "id", "text"]


@dataclass(frozen=True)
class Ranking:
    """The best passages of every query, in the order of the queries' rows.

    rows: int32 (Q, k), -1 where the corpus has fewer passages.
    scores: float32 (Q, k), NaN there.
    """

    rows: Rows
    scores: Floats


@dataclass(frozen=True)
class SelfMatches:
    """Passages that are the query itself.

    rows: {query row: corpus rows (S,) to remove from its ranking}.
    judged: the number of queries with such a passage that stays because it is judged relevant.
    """

    rows: Mapping[int, Rows]
    judged: int


def rank(dataset: Dataset, vectors: Vectors, depth: int, self_match: SelfMatch = "id") -> Ranking:
    """Rank the corpus down to `depth`.

    vectors: of queries and corpus.
    depth: ranks per query.
    self_match: "id" removes the passage with the query's id from its ranking, as BEIR does, "text" every passage with the query's text,
        "keep" none; a passage that is judged relevant stays.
    """
    with scratch() as scratch_folder:
        source = Dense(dataset, vectors, scratch_folder)
        add_duplicates = _Duplicates(dataset, source)
        matches = self_matches(dataset, self_match).rows
        rows = np.full((len(dataset.queries), depth), -1, dtype=np.int32)
        scores = np.full(rows.shape, np.nan, dtype=np.float32)
        for start in range(0, len(rows), TEXT_BLOCK):
            block = np.arange(start, min(start + TEXT_BLOCK, len(rows)))
            candidates, candidate_scores, _ = source.retrieve(block, depth + 1)
            for position, query in enumerate(block.tolist()):
                ranked, values = add_duplicates(candidates[position], candidate_scores[position], matches.get(query))
                rows[query, : len(ranked[:depth])], scores[query, : len(ranked[:depth])] = ranked[:depth], values[:depth]
    return Ranking(rows, scores)


class _Duplicates:
    """Adds duplicates to a ranking: a source ranks one passage of each distinct text; its duplicates follow it in id order.

    The best k distinct texts contain the best k passages, because a passage ranked before the first id of a text is before all duplicates.
    """

    def __init__(self, dataset: Dataset, source: Dense) -> None:
        order = dataset.corpus.id_order
        self._id_rank = np.empty(len(order), dtype=np.int64)
        self._id_rank[order] = np.arange(len(order))
        self._position = source.position
        self._by_text = order[np.argsort(self._position[order], kind="stable")]
        self._starts = np.searchsorted(self._position[self._by_text], np.arange(len(source.passage_rows) + 1))
        self._unique = len(source.passage_rows) == len(order)

    def __call__(self, rows: Rows, scores: Floats, self_matches: Rows | None) -> tuple[Rows, Floats]:
        rows, scores = rows[rows >= 0], scores[rows >= 0]
        if not self._unique:
            positions = self._position[rows]
            starts, counts = self._starts[positions], self._starts[positions + 1] - self._starts[positions]
            places = np.repeat(starts - np.cumsum(counts) + counts, counts) + np.arange(int(counts.sum()))
            rows, scores = self._by_text[places], np.repeat(scores, counts)
            order = np.lexsort((self._id_rank[rows], -scores))
            rows, scores = rows[order], scores[order]
        if self_matches is not None:
            is_kept = ~np.isin(rows, self_matches)
            rows, scores = rows[is_kept], scores[is_kept]
        return rows, scores


def self_matches(dataset: Dataset, self_match: SelfMatch) -> SelfMatches:
    """Passages with the query's id or text, except those that are judged relevant to it."""
    if self_match == "keep":
        return SelfMatches({}, 0)
    query_rows: Ints = np.arange(len(dataset.queries))
    names = dataset.queries.ids(query_rows) if self_match == "id" else dataset.queries.texts(query_rows)
    rows_by_name, judged = _rows_by_name(dataset, self_match, set(names)), 0
    matches: dict[int, Rows] = {}
    for query, name in enumerate(names):
        if name in rows_by_name:
            rows = np.array(rows_by_name[name], dtype=np.int32)
            matches[query] = rows[~np.isin(rows, dataset.qrels.positives(query))]
            judged += len(matches[query]) < len(rows)
    return SelfMatches({query: rows for query, rows in matches.items() if len(rows)}, judged)


def _rows_by_name(dataset: Dataset, self_match: SelfMatch, names: set[str]) -> dict[str, list[int]]:
    """{id or text: rows of the passages that have it}."""
    rows_by_name: dict[str, list[int]] = {}
    for start in range(0, len(dataset.corpus), TEXT_BLOCK):
        rows = np.arange(start, min(start + TEXT_BLOCK, len(dataset.corpus)))
        keys = dataset.corpus.ids(rows) if self_match == "id" else dataset.corpus.texts(rows)
        for key, row in zip(keys, rows.tolist(), strict=True):
            if key in names:
                rows_by_name.setdefault(key, []).append(row)
    return rows_by_name

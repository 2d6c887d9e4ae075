"""Several sources as one: each proposes, reciprocal ranks pool, the first judges.

A passage's worth in the pool is the sum of 1 / (k + rank) over the sources that found it (Cormack et al. 2009; k = 60): ranks, because
scores of two sources cannot be compared. The pool is cut to `depth` and scored by the first source alone; reference scores, margins and
noise floors are in its scale. What the others found and how they score is kept as evidence. Sums are whole numbers, so that no order of
adding changes a tie.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from miner.sources.bm25 import BM25
from miner.sources.dense import Dense
from miner.sources.scoring import order_keys
from miner.types import Dataset, Floats, Ints, Rows, SearchResult, SourceDescription

ONE = 2**40
"""The worth of rank 1 - k: worths are rounded to whole numbers of this size."""

SLICE = 256
"""Queries pooled at a time: memory, not result."""


class Fused:
    """Candidates of several sources, in the first one's scores; ties by passage id."""

    def __init__(self, dataset: Dataset, sources: Mapping[str, Dense | BM25], k: int = 60) -> None:
        """sources: by name, the one that judges first. k: how little the first ranks count more than later ones."""
        self._qrels, self._sources, self._k = dataset.qrels, dict(sources), k
        self._primary = next(iter(sources.values()))
        self._vectors = next((source for source in sources.values() if isinstance(source, Dense)), self._primary)
        self.passage_rows, self.position, self.scale = self._primary.passage_rows, self._primary.position, self._primary.scale

    @property
    def similarity(self) -> str:
        """Of the first source that has vectors, as are `passages` and `queries`."""
        return self._vectors.similarity

    @property
    def passages(self) -> Floats | None:
        """Vectors (U, D), or None."""
        return self._vectors.passages

    @property
    def lengths(self) -> Floats | None:
        """Shape (U,): of those vectors, or None."""
        return self._vectors.lengths

    @property
    def queries(self) -> Floats | None:
        """Vectors (Q, D), or None."""
        return self._vectors.queries

    def retrieve(self, queries: Ints, depth: int) -> SearchResult:
        """The pool, best first by the first source's score.

        evidence: `rank:NAME` uint16 (B, K), 0 where that source did not find the candidate; of all but the first source also
        `score:NAME` float32, and `gap:NAME` float32: how far below the query's weakest positive it scores there, as a share of that
        positive's score (NaN where the positive scores 0: the source knows nothing about it).
        """
        depth = min(depth, len(self.passage_rows))
        rows_by_source = {name: source.retrieve(queries, depth).rows for name, source in self._sources.items()}
        positions, ranks = self._pooled(rows_by_source, depth)
        rows = np.where(positions < 0, -1, self.passage_rows[positions]).astype(np.int32)
        scores = self._primary.score(queries, rows)
        order = np.argsort(order_keys(scores, positions), axis=1)
        rows = np.take_along_axis(rows, order, axis=1)
        evidence: dict[str, NDArray[Any]] = {f"rank:{name}": np.take_along_axis(values, order, axis=1) for name, values in ranks.items()}
        for name, source in list(self._sources.items())[1:]:
            evidence[f"score:{name}"] = source.score(queries, rows)
            evidence[f"gap:{name}"] = _gap(evidence[f"score:{name}"], source.score(queries, self._positives(queries)))
        return SearchResult(rows, np.take_along_axis(scores, order, axis=1), evidence)

    def score(self, queries: Ints, rows: Rows) -> Floats:
        """Scores float32 (B, P) of corpus rows (-1: NaN), by the first source."""
        return self._primary.score(queries, rows)

    def above(self, queries: Ints, reference: Floats) -> NDArray[np.float64]:
        """Shape (B,): zeros. A deeper pool does not begin with a shallower one, so no query is searched deep before it ran short."""
        return np.zeros(len(queries))

    @property
    def parts(self) -> list[Dense | BM25]:
        """The sources, the one that judges first."""
        return list(self._sources.values())

    def describe(self) -> list[SourceDescription]:
        """Each source, for the manifest."""
        return [description for source in self._sources.values() for description in source.describe()]

    def _positives(self, queries: Ints) -> Rows:
        positives = [self._qrels.positives(query) for query in queries.tolist()]
        out = np.full((len(positives), max([1, *map(len, positives)])), -1, dtype=np.int32)
        for place, rows in enumerate(positives):
            out[place, : len(rows)] = rows
        return out

    def _pooled(self, rows_by_source: Mapping[str, Rows], depth: int) -> tuple[Ints, dict[str, NDArray[np.uint16]]]:
        """Positions (B, depth), -1 padded, in no order that matters; and in which rank each source found them, 0 for not at all."""
        parts = []
        for start in range(0, len(next(iter(rows_by_source.values()))), SLICE):
            batch = [np.where(rows < 0, -1, self.position[rows])[start : start + SLICE] for rows in rows_by_source.values()]
            parts.append(pool(np.stack(batch, axis=1).astype(np.int64), self._k, depth))
        positions = np.concatenate([part for part, _ in parts]) if parts else np.empty((0, depth), dtype=np.int64)
        ranks = np.concatenate([part for _, part in parts]) if parts else np.empty((0, len(rows_by_source), depth), dtype=np.uint16)
        return positions, {name: ranks[:, place] for place, name in enumerate(rows_by_source)}


def pool(proposed: Ints, k: int, depth: int) -> tuple[Ints, NDArray[np.uint16]]:
    """The `depth` positions worth most, ties by position; -1 padded. And the rank of each in every source (B, S, depth), 0 for none.

    proposed int64 (B, S, D): what each of S sources found, best first, -1 padded, no position twice in one source.
    """
    queries, sources, width = proposed.shape
    flat = proposed.reshape(queries, sources * width)
    order = np.argsort(flat, axis=1, kind="stable")
    positions = np.take_along_axis(flat, order, axis=1)
    worth = np.round(ONE / (k + 1 + order % width)).astype(np.int64)
    total, equals = worth.copy(), []
    for shift in range(1, sources):  # those that found the same passage stand side by side
        equal = np.zeros(positions.shape, dtype=bool)
        equal[:, :-shift] = positions[:, shift:] == positions[:, :-shift]
        total[:, :-shift] += np.where(equal, np.roll(worth, -shift, axis=1), 0)[:, :-shift]
        equals.append(equal)
    is_repeat = np.zeros(positions.shape, dtype=bool)
    is_repeat[:, 1:] = positions[:, 1:] == positions[:, :-1]
    total[is_repeat | (positions < 0)] = 0
    best = np.argsort(-total, axis=1, kind="stable")[:, :depth]  # positions rise, so a stable sort leaves ties by position
    top_positions = np.where(np.take_along_axis(total, best, axis=1) > 0, np.take_along_axis(positions, best, axis=1), -1)
    ranks = np.zeros((queries, sources, best.shape[1]), dtype=np.uint16)
    for shift, equal in enumerate([np.ones(positions.shape, dtype=bool), *equals]):
        at = np.take_along_axis(np.roll(order, -shift, axis=1), best, axis=1)
        has_rank = np.take_along_axis(equal, best, axis=1) & (top_positions >= 0)
        query, place = np.nonzero(has_rank)
        ranks[query, at[has_rank] // width, place] = at[has_rank] % width + 1
    return top_positions, ranks


def _gap(scores: Floats, positive_scores: Floats) -> Floats:
    """Shape (B, K): (reference - score) / |reference|, in float64 until the end."""
    reference = np.where(np.isnan(positive_scores), np.inf, positive_scores.astype(np.float64)).min(axis=1, keepdims=True)
    size = np.where((reference == 0) | np.isinf(reference), np.nan, np.abs(reference))
    gap: Floats = ((reference - scores.astype(np.float64)) / size).astype(np.float32)
    return gap

"""The dense source: vectors of both sides, an index that proposes, one function that scores.

Passages are laid out by id, one vector for each distinct text (of equal texts the smallest id stands for all), so that a position
is a tie-break and an input order changes nothing. A search is deepened until no passage outside it could still belong inside.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from miner.encode.store import sha_keys_and_lengths
from miner.indexes import Exact, open_index
from miner.io.array_files import create_raw
from miner.sources.recall import Recall
from miner.sources.scoring import lengths, order_keys, pair_scores, to_unit
from miner.types import Dataset, Floats, Ints, RecallFields, Rows, SearchResult, Similarity, SourceDescription, Texts, Vectors

SLACK = 16
SAMPLE = 1024


class Index(Protocol):
    """What both indexes are."""

    def search(self, queries: Floats, k: int) -> tuple[Ints, NDArray[np.float64]]:
        """Positions (B, k), -1 padded, and (B,) what no score that was left out exceeds (-inf: take it as it is)."""
        ...


class Dense:
    """Candidates by vector similarity."""

    def __init__(self, dataset: Dataset, vectors: Vectors, work: Path, index: str = "exact") -> None:
        """`work` holds two temporary matrices, (U, D) and (Q, D), memory-mapped."""
        self.similarity: Similarity = vectors.similarity
        self.scale: str = vectors.similarity
        self._description = vectors.describe()
        self.passage_rows, self.position = distinct(dataset.corpus)
        self.passages = _matrix(work / "passages.f32", vectors, dataset.corpus, self.passage_rows, "passage")
        self.queries = _matrix(work / "queries.f32", vectors, dataset.queries, np.arange(len(dataset.queries)), "query")
        self.index: Index = open_index(self.passages, self.similarity, index)
        self.recall: Recall | None = None

    @cached_property
    def lengths(self) -> Floats:
        """Shape (U,): the length of each passage's vector. Asked for by dot and euclidean models; those of cosine models are 1."""
        return lengths(self.passages)

    def retrieve(self, queries: Ints, depth: int) -> SearchResult:
        """Rows int32 (B, K), scores float32 (B, K), K = min(depth, distinct passages): best first, ties by passage id."""
        depth = min(depth, len(self.passages))
        positions, scores = self._nearest(self.index, queries, depth)
        rows = np.where(positions < 0, -1, self.passage_rows[positions]).astype(np.int32)
        return SearchResult(rows, scores)

    def score(self, queries: Ints, rows: Rows) -> Floats:
        """Scores float32 (B, P) of corpus rows (-1: NaN), by the same function as `retrieve`."""
        positions = np.where(rows < 0, -1, self.position[rows]).astype(np.int64)
        return pair_scores(self.queries[queries], self.passages, positions, self.similarity)

    def above(self, queries: Ints, reference: Floats) -> NDArray[np.float64]:
        """Shape (B,): about how many passages score above `reference` (B,), from an even sample of up to 1,024."""
        step = max(1, len(self.passages) // SAMPLE)
        sample, vectors = np.ascontiguousarray(self.passages[::step]), self.queries[queries]
        scores = vectors @ sample.T
        if self.similarity == "euclidean":
            squared = (vectors**2).sum(axis=1)[:, None] + (sample**2).sum(axis=1) - 2 * scores
            scores = -np.sqrt(np.maximum(squared, 0))
        counts: NDArray[np.float64] = (scores > reference[:, None]).sum(axis=1) * (len(self.passages) / len(sample))
        return counts

    def last_scores(self, queries: Ints, depth: int) -> Floats:
        """Shape (B,): the score of the last of the `depth` nearest passages, by exact search. depth <= U."""
        last: Floats = self._nearest(Exact(self.passages, self.similarity), queries, depth)[1][:, -1]
        return last

    def hits(self, queries: Ints, last_scores: Floats, depth: int) -> Ints:
        """Shape (B,): how many of the `depth` nearest the index finds; one that scores as the last of them counts as it."""
        hits: Ints = (self._nearest(self.index, queries, depth)[1] >= last_scores[:, None]).sum(axis=1)
        return hits

    def describe(self) -> list[SourceDescription]:
        """Model, similarity and index, for the manifest."""
        recall: RecallFields = self.recall.describe() if self.recall else {"recall": None}
        return [{"source": "dense", **self._description, "similarity": self.similarity, **recall}]

    def _nearest(self, index: Index, queries: Ints, depth: int) -> tuple[Ints, Floats]:
        """Positions int64 (B, depth) and scores (B, depth), best first, ties by position; -1 and NaN where the index finds fewer."""
        vectors = np.ascontiguousarray(self.queries[queries])
        positions, scores = np.empty((len(queries), depth), dtype=np.int64), np.empty((len(queries), depth), dtype=np.float32)
        todo, k = np.arange(len(queries)), min(depth + SLACK, len(self.passages))
        while len(todo):
            positions[todo], scores[todo], sure = self._propose(index, vectors[todo], depth, k)
            todo, k = todo[~sure], min(2 * k, len(self.passages))
        return positions, scores

    def _propose(self, index: Index, queries: Floats, depth: int, k: int) -> tuple[Ints, Floats, Any]:
        """The best `depth` of k proposals, re-scored; and for which queries nothing outside the proposals can be better."""
        proposed, outside = index.search(queries, k)
        exact = pair_scores(queries, self.passages, proposed, self.similarity)
        order = np.argsort(order_keys(exact, proposed), axis=1)[:, :depth]
        positions, scores = np.take_along_axis(proposed, order, axis=1), np.take_along_axis(exact, order, axis=1)
        return positions, scores, np.isneginf(outside) | (outside < scores[:, -1])


def distinct(texts: Texts) -> tuple[Rows, Rows]:
    """Rows (U,) of the distinct texts, by id, the smallest id of equals; and for every row (N,) the position of its text among them."""
    order = texts.id_order
    keys = sha_keys_and_lengths(texts)[0][order]
    by_text = np.lexsort((keys[:, 1], keys[:, 0]))  # stable: equal texts stay in id order
    new = np.ones(len(order), dtype=bool)
    new[1:] = (keys[by_text[1:]] != keys[by_text[:-1]]).any(axis=1)
    smallest = by_text[np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))]
    stands_for = np.empty(len(order), dtype=np.int64)
    stands_for[by_text] = smallest
    representatives = np.flatnonzero(stands_for == np.arange(len(order)))
    position = np.empty(len(order), dtype=np.int32)
    position[order] = np.searchsorted(representatives, stands_for)
    return order[representatives], position


def _matrix(path: Path, vectors: Vectors, texts: Texts, rows: Ints | Rows, side: Any) -> Floats:
    """The vectors of `rows`, unit length for cosine, in a memory-mapped file of the run."""
    out: Floats = create_raw(path, (len(rows), vectors.dim))
    vectors.fill(out, texts, rows, side)
    if vectors.similarity == "cosine":
        to_unit(out)
    return out

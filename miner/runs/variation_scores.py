"""Scores of variations: with their query, and with every positive beside what their origin has with it. The run's model encodes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from miner.sources.scoring import pair_scores, to_unit
from miner.types import Bools, Dataset, Floats, Ints, MemoryTexts, Texts, Vectors
from miner.types.arrays import Side


class VariationScores(NamedTuple):
    """Of V variations. scores (V,): with the query, as the origin's was made.

    cosines, origin_cosines (V, P): with each positive, of the variation and of its origin; NaN in the padding.
    """

    scores: Floats
    cosines: Floats
    origin_cosines: Floats

    @property
    def is_nearer(self) -> Bools:
        """Shape (V,): True where a variation lies nearer to some positive than its origin does."""
        nearer: Bools = np.any(self.cosines > self.origin_cosines, axis=1)
        return nearer


class VariationScorer:
    """Scores the variations of a run with the vectors of its first source."""

    def __init__(self, dataset: Dataset, vectors: Vectors) -> None:
        self._dataset, self._vectors = dataset, vectors

    def __call__(self, queries: Ints, origins: Ints, positives: Sequence[Sequence[int]], texts: MemoryTexts) -> VariationScores:
        """Score V texts. queries, origins: rows (V,); positives: the rows of each one's positives."""
        similarity, places = self._vectors.similarity, np.arange(len(texts))
        query_vectors, query_places = self._of_rows(self._dataset.queries, queries, "query")
        vectors = self._vectors.vectors(texts, places, "passage")
        if similarity == "cosine":
            to_unit(query_vectors)
            to_unit(vectors)
        scores = pair_scores(query_vectors[query_places], vectors, places[:, None], similarity)[:, 0]
        to_unit(vectors)
        padded = _padded(positives)
        corpus_vectors, corpus_places = self._of_rows(self._dataset.corpus, np.concatenate([origins, padded.ravel()]), "passage")
        to_unit(corpus_vectors)
        positions = np.where(padded < 0, -1, corpus_places[len(origins) :].reshape(padded.shape))
        origin_vectors = corpus_vectors[corpus_places[: len(origins)]]
        cosines = (pair_scores(each, corpus_vectors, positions, "cosine") for each in (vectors, origin_vectors))
        return VariationScores(scores, *cosines)

    def _of_rows(self, texts: Texts, rows: Ints, side: Side) -> tuple[Floats, Ints]:
        """The vectors of the distinct rows, and the place of each row among them; -1 stands for any."""
        unique, places = np.unique(np.maximum(rows, 0), return_inverse=True)
        return self._vectors.vectors(texts, unique, side), places.astype(np.int64)


def _padded(lists: Sequence[Sequence[int]]) -> Ints:
    out = np.full((len(lists), max([1, *map(len, lists)])), -1, dtype=np.int64)
    for place, rows in enumerate(lists):
        out[place, : len(rows)] = rows
    return out

"""Is a candidate the answer to another question that asks the same? Judgements of paraphrases know positives that this query's do not."""

from __future__ import annotations

from typing import Any

import numpy as np

from miner.evidence.identity import hashes
from miner.sources.scoring import lengths, pair_scores
from miner.types import Candidates, Dataset, Floats, Ints


class DuplicateQuestion:
    """Shape (B, K) float32: the largest cosine between the query and another query that the candidate is a positive of; NaN: there is none.

    Queries of the same normalised text count as cosine 1, whatever their vectors. Questions are compared only where a candidate is
    a positive of one: never all with all.
    """

    def __init__(self, dataset: Dataset, source: Any) -> None:
        self._vectors, self._position = source.queries, source.position
        self._lengths = None if source.similarity == "cosine" else lengths(source.queries)
        self._texts = hashes(dataset.queries)
        qrels = dataset.qrels
        good = np.flatnonzero(qrels.grades >= qrels.min_grade)
        positions = self._position[qrels.rows[good]]
        askers = np.searchsorted(qrels.indptr, good, side="right") - 1
        self._askers: Ints = askers[np.argsort(positions, kind="stable")]
        self._starts: Ints = np.concatenate([[0], np.cumsum(np.bincount(positions, minlength=len(source.passage_rows)))]).astype(np.int64)

    def __call__(self, candidates: Candidates) -> Floats:
        """Return shape (B, K)."""
        out = np.full(candidates.rows.shape, np.nan, dtype=np.float32)
        positions = self._position[candidates.rows]
        counts = np.where(candidates.present, np.diff(self._starts)[positions], 0)
        for nth in range(int(counts.max(initial=0))):
            anchors = np.flatnonzero((counts > nth).any(axis=1))
            has_asker = counts[anchors] > nth
            at = np.minimum(self._starts[positions[anchors]] + nth, len(self._askers) - 1)
            askers = np.where(has_asker, self._askers[at], -1)
            queries = candidates.queries[anchors]
            askers[askers == queries[:, None]] = -1
            out[anchors] = np.fmax(out[anchors], self._cosines(queries, askers))
        return out

    def _cosines(self, queries: Ints, askers: Ints) -> Floats:
        """Shape (B, K): NaN where there is no other query."""
        cosines = pair_scores(self._vectors[queries], self._vectors, askers, "cosine")
        if self._lengths is not None:
            cosines /= np.maximum(self._lengths[queries][:, None] * self._lengths[askers], np.finfo(np.float32).tiny)
        is_same_text = (self._texts[queries][:, None] == self._texts[askers]) & (askers >= 0)
        return np.where(is_same_text, np.float32(1), cosines).astype(np.float32)

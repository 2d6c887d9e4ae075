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
            asked = counts[anchors] > nth
            at = np.minimum(self._starts[positions[anchors]] + nth, len(self._askers) - 1)
            others = np.where(asked, self._askers[at], -1)
            own = candidates.queries[anchors]
            others[others == own[:, None]] = -1
            out[anchors] = np.fmax(out[anchors], self._cosines(own, others))
        return out

    def _cosines(self, own: Ints, others: Ints) -> Floats:
        """Shape (B, K): NaN where there is no other query."""
        cosines = pair_scores(self._vectors[own], self._vectors, others, "cosine")
        if self._lengths is not None:
            cosines /= np.maximum(self._lengths[own][:, None] * self._lengths[others], np.finfo(np.float32).tiny)
        same = (self._texts[own][:, None] == self._texts[others]) & (others >= 0)
        return np.where(same, np.float32(1), cosines).astype(np.float32)

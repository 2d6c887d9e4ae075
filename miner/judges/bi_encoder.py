"""A bi-encoder as a judge: the similarity of stored vectors, by the one function that scores pairs."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from miner.encode import StoredVectors
from miner.judges.judge_parts import BiEncoderPart
from miner.sources.scoring import pair_scores, to_unit
from miner.types import Dataset, Floats, Ints, JudgeDescription

PAIRS_PER_CALL = 2**16


class BiEncoderJudge:
    """Scores pairs by vectors that lie in the store of vectors, where other runs find them too."""

    def __init__(self, vectors: StoredVectors, part: BiEncoderPart) -> None:
        self.vectors, self._part = vectors, part

    def describe(self) -> JudgeDescription:
        """What the manifest says of it."""
        about = self.vectors.describe()
        settings = ["bi-encoder", about["fingerprints"], about["similarity"]]
        fingerprint = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
        return {"judge": self._part.identity, "fingerprint": fingerprint, "model": dict(about)}

    def scores(self, dataset: Dataset, queries: Ints, rows: Ints) -> Floats:
        """Shape (n,): the score of each pair."""
        similarity = self.vectors.similarity
        unique_queries, query_places = np.unique(queries, return_inverse=True)
        unique_rows, row_places = np.unique(rows, return_inverse=True)
        query_vectors = self.vectors.vectors(dataset.queries, unique_queries, "query")
        passage_vectors = self.vectors.vectors(dataset.corpus, unique_rows, "passage")
        if similarity == "cosine":
            query_vectors, passage_vectors = np.array(query_vectors), np.array(passage_vectors)
            to_unit(query_vectors)
            to_unit(passage_vectors)
        out = np.empty(len(queries), dtype=np.float32)
        for start in range(0, len(queries), PAIRS_PER_CALL):
            part = slice(start, start + PAIRS_PER_CALL)
            out[part] = pair_scores(query_vectors[query_places[part]], passage_vectors, row_places[part][:, None], similarity)[:, 0]
        return out

"""Scores of pairs that are no candidates of a run, from the vectors that mining stored, by the function that scores candidates."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from miner.config import MiningConfig, Runtime
from miner.encode import StoredVectors, load_encoder
from miner.sources.scoring import pair_scores, to_unit
from miner.types import Dataset, Floats, Ints, Rows


class StoredPairScores:
    """The scores of the first source of a run. The model is loaded when the first pair is asked for."""

    def __init__(self, dataset: Dataset, open_vectors: Callable[[], StoredVectors]) -> None:
        self._dataset, self._open = dataset, open_vectors
        self._vectors: StoredVectors | None = None

    @classmethod
    def of(cls, dataset: Dataset, mining: MiningConfig, runtime: Runtime) -> StoredPairScores | None:
        """For the run's settings; None where its first source has no vectors."""
        part = next(iter(mining.active_sources.values()))
        if not part.encodes:
            return None
        settings = mining.model_copy(update=part.settings())
        return cls(dataset, lambda: StoredVectors(load_encoder(settings, runtime), runtime.cache))

    def __call__(self, queries: Ints, rows: Rows) -> Floats:
        """Query rows (B,), corpus rows (B, P), -1 padded → scores float32 (B, P), NaN in the padding."""
        vectors = self._vectors = self._vectors or self._open()
        unique = np.unique(rows[rows >= 0]).astype(np.int64)
        sides = [
            np.ascontiguousarray(vectors.vectors(self._dataset.queries, queries, "query")),
            np.ascontiguousarray(vectors.vectors(self._dataset.corpus, unique, "passage")),
        ]
        if vectors.similarity == "cosine":
            for side in sides:
                to_unit(side)
        positions = np.where(rows < 0, -1, np.searchsorted(unique, rows)).astype(np.int64)
        return pair_scores(sides[0], sides[1], positions, vectors.similarity)

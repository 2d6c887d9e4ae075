"""Vectors for requests: the texts of simultaneous requests are encoded in one batch, and the latest vectors are cached in memory.

Requests write nothing to the embedding store, which would grow without bound. A static model gives the same bits in any batch; vectors of
a transformer may differ in the seventh digit from those of a run.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from app.engine.batcher import Batcher
from app.metrics import Metrics
from miner.encode.model import Encoder
from miner.errors import ModelError
from miner.types import Floats, Ints, ModelDescription, Rows, Side, Similarity, Texts

MAX_VECTORS = 20_000
"""Vectors in the cache; of 384 dimensions they take 30 MB."""

Request = tuple[Side, Sequence[str]]


class VectorCache:
    """A loaded model with a cache of vectors. Thread-safe."""

    def __init__(self, encoder: Encoder, metrics: Metrics | None = None) -> None:
        self._encoder, self._metrics = encoder, metrics
        self._batcher: Batcher[Request, Floats] = Batcher(self._encode_batch)
        self._vectors: OrderedDict[tuple[Side, str], Floats] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def similarity(self) -> Similarity:
        """The similarity function of the model."""
        return self._encoder.similarity

    @property
    def dim(self) -> int:
        """The dimension D of the vectors."""
        return self._encoder.dim

    def describe(self) -> ModelDescription:
        """The description of the model for a manifest."""
        return self._encoder.describe()

    def vectors(self, texts: Texts, rows: Ints | Rows, side: Side) -> Floats:
        """The vectors of rows of `texts`, shape (len(rows), D)."""
        return self.encode(texts.texts(rows), side) if len(rows) else np.empty((0, self.dim), dtype=np.float32)

    def fill(self, out: Floats, texts: Texts, rows: Ints | Rows, side: Side) -> None:
        """Write the vectors of rows of `texts` into `out`."""
        out[:] = self.vectors(texts, rows, side)

    def encode(self, texts: Sequence[str], side: Side) -> Floats:
        """The vectors of texts, shape (len(texts), D), all finite."""
        return self._batcher((side, texts))

    def _encode_batch(self, requests: Sequence[Request]) -> list[Floats]:
        """Encode the distinct texts of all requests, one batch per side."""
        for side in ("query", "passage"):
            missing = dict.fromkeys((side, text) for request_side, texts in requests if request_side == side for text in texts)
            self._add(side, [text for key, text in missing if (key, text) not in self._vectors])
        answers = [np.stack([self._vectors[side, text] for text in texts]) for side, texts in requests]
        while len(self._vectors) > MAX_VECTORS:
            self._vectors.popitem(last=False)
        return answers

    def _add(self, side: Side, texts: list[str]) -> None:
        if not texts:
            return
        vectors = self._encoder.encode(texts, side)
        if not np.isfinite(vectors).all():
            raise ModelError(f"model '{self._encoder.name}' gives NaN or infinity")
        self._vectors.update({(side, text): vector for text, vector in zip(texts, vectors, strict=True)})
        if self._metrics:
            self._metrics.encoded.inc(len(texts))
            self._metrics.batches.inc()

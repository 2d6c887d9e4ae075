"""Vectors for requests: texts of requests that come at the same time go through the model together, and the latest are remembered.

Nothing of a request is written to the embedding store: a service that answers for a year would fill a disk with questions. A static
model gives the same bits whatever shares its batch; a transformer's may differ in the seventh digit from those of a run.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np

from app.engine.batcher import Together
from app.metrics import Metrics
from miner.encode.model import Encoder
from miner.errors import ModelError
from miner.types import Floats, Ints, Rows, Side, Similarity, Texts

REMEMBERED = 20_000
"""Vectors; of 384 dims they are 30 MB."""

Ask = tuple[Side, Sequence[str]]


class WarmVectors:
    """A loaded model, for several threads."""

    def __init__(self, encoder: Encoder, metrics: Metrics | None = None) -> None:
        self._encoder, self._metrics = encoder, metrics
        self._together: Together[Ask, Floats] = Together(self._encoded)
        self._known: OrderedDict[tuple[Side, str], Floats] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def similarity(self) -> Similarity:
        """How the model compares."""
        return self._encoder.similarity

    @property
    def dim(self) -> int:
        """D."""
        return self._encoder.dim

    def describe(self) -> dict[str, Any]:
        """What the manifest says about the model."""
        return self._encoder.describe()

    def vectors(self, texts: Texts, rows: Ints | Rows, side: Side) -> Floats:
        """Shape (len(rows), D)."""
        return self.encode(texts.texts(rows), side) if len(rows) else np.empty((0, self.dim), dtype=np.float32)

    def fill(self, out: Floats, texts: Texts, rows: Ints | Rows, side: Side) -> None:
        """The same into `out`."""
        out[:] = self.vectors(texts, rows, side)

    def encode(self, texts: Sequence[str], side: Side) -> Floats:
        """Shape (len(texts), D), finite."""
        return self._together((side, texts))

    def _encoded(self, asks: Sequence[Ask]) -> list[Floats]:
        """Everybody's texts, each once; those of one side in one batch."""
        for side in ("query", "passage"):
            wanted = dict.fromkeys((side, text) for asked, texts in asks if asked == side for text in texts)
            self._learn(side, [text for key, text in wanted if (key, text) not in self._known])
        answers = [np.stack([self._known[side, text] for text in texts]) for side, texts in asks]
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return answers

    def _learn(self, side: Side, texts: list[str]) -> None:
        if not texts:
            return
        vectors = self._encoder.encode(texts, side)
        if not np.isfinite(vectors).all():
            raise ModelError(f"model '{self._encoder.name}' gives NaN or infinity")
        self._known.update({(side, text): vector for text, vector in zip(texts, vectors, strict=True)})
        if self._metrics:
            self._metrics.encoded.inc(len(texts))
            self._metrics.batches.inc()

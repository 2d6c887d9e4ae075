"""Vectors for a trial: what the store has is read, what it lacks is encoded and forgotten.

The first vector of a text stays in the store for ever, and depends a little on the block it was made in: a trial must not make it.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from miner.encode.stored_vectors import StoredVectors
from miner.errors import ModelError
from miner.types import Floats, Ints, Rows, Side, Similarity, Texts


class TrialVectors:
    """As the encoder gives them; nothing is written."""

    def __init__(self, stored: StoredVectors) -> None:
        self._stored = stored
        self.similarity: Similarity = stored.similarity
        self.encoded = 0
        self.seconds = 0.0  # in the encoder

    @property
    def dim(self) -> int:
        """D."""
        return self._stored.dim

    def describe(self) -> dict[str, Any]:
        """What the manifest says about the model."""
        return self._stored.describe()

    def vectors(self, texts: Texts, rows: Ints | Rows, side: Side) -> Floats:
        """Shape (len(rows), D). ModelError where the model answers with NaN or infinity."""
        wanted = np.asarray(rows, dtype=np.int64)
        known, out = self._stored.known(texts, wanted, side)
        missing = np.flatnonzero(~known)
        if len(missing):
            asked, began = texts.texts(wanted[missing]), time.perf_counter()
            out[missing] = self._stored.encoder.encode(asked, side)
            self.seconds += time.perf_counter() - began
            self.encoded += len(missing)
        if not np.isfinite(out).all():
            bad = int(np.flatnonzero(~np.isfinite(out).all(axis=1))[0])
            raise ModelError(
                f"model '{self._stored.encoder.name}' gives NaN or infinity for {side} '{texts.ids(wanted[bad : bad + 1])[0]}'"
            )
        return out

    def fill(self, out: Floats, texts: Texts, rows: Ints | Rows, side: Side) -> None:
        """Write the same into `out` (len(rows), D)."""
        out[:] = self.vectors(texts, rows, side)

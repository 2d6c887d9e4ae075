"""Vectors for a preflight: stored vectors are read, missing ones are encoded and not stored.

The store never replaces the first vector of a text, and that vector depends slightly on its batch: a preflight must not store one.
"""

from __future__ import annotations

import time

import numpy as np

from miner.encode.stored_vectors import StoredVectors
from miner.errors import ModelError
from miner.types import Floats, Ints, ModelDescription, Rows, Side, Similarity, Texts


class TrialVectors:
    """Vectors from the store or the encoder; nothing is written."""

    def __init__(self, stored: StoredVectors) -> None:
        self._stored = stored
        self.similarity: Similarity = stored.similarity
        self.encoded = 0
        self.seconds = 0.0  # in the encoder

    @property
    def dim(self) -> int:
        """D."""
        return self._stored.dim

    def describe(self) -> ModelDescription:
        """Return the model's description for the manifest."""
        return self._stored.describe()

    def vectors(self, texts: Texts, rows: Ints | Rows, side: Side) -> Floats:
        """Return shape (len(rows), D). Raises ModelError where the model gives NaN or infinity."""
        requested = np.asarray(rows, dtype=np.int64)
        is_present, out = self._stored.lookup(texts, requested, side)
        missing = np.flatnonzero(~is_present)
        if len(missing):
            batch, start = texts.texts(requested[missing]), time.perf_counter()
            out[missing] = self._stored.encoder.encode(batch, side)
            self.seconds += time.perf_counter() - start
            self.encoded += len(missing)
        if not np.isfinite(out).all():
            position = int(np.flatnonzero(~np.isfinite(out).all(axis=1))[0])
            raise ModelError(
                f"model '{self._stored.encoder.name}' gives NaN or infinity for {side} '{texts.ids(requested[position : position + 1])[0]}'"
            )
        return out

    def fill(self, out: Floats, texts: Texts, rows: Ints | Rows, side: Side) -> None:
        """Write the vectors of `rows` into `out` (len(rows), D)."""
        out[:] = self.vectors(texts, rows, side)

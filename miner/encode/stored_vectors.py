"""Vectors through the store: stored vectors are read, missing ones are encoded in fixed blocks and committed.

The blocks follow from the content alone — the new texts by descending length, then by hash, cut at fixed sizes — so a resumed run encodes
the same blocks, whatever the input order. Duplicate texts are encoded once.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from miner.encode.model import Encoder
from miner.encode.store import Keys, Store, sha_keys_and_lengths
from miner.errors import ModelError
from miner.types import Bools, Dataset, Floats, Ints, ModelDescription, Progress, Rows, Side, Similarity, Texts

BLOCK_CHARS = 2**19
BLOCK_TEXTS = 4096
READ_ROWS = 16_384


class StoredVectors:
    """An encoder with its store: the same text gives the same bits every time."""

    def __init__(self, encoder: Encoder, cache: Path, on_progress: Progress | None = None) -> None:
        self.encoder, self._on_progress = encoder, on_progress
        self.encoded = 0
        self._stores: dict[str, Store] = {}
        self._cache = cache

    @property
    def similarity(self) -> Similarity:
        """The model's similarity."""
        return self.encoder.similarity

    @property
    def dim(self) -> int:
        """D."""
        return self.encoder.dim

    def describe(self) -> ModelDescription:
        """Return the model's description for the manifest."""
        return self.encoder.describe()

    def missing(self, dataset: Dataset) -> int:
        """Return the number of distinct texts of a dataset that are not in the store yet."""
        sides: tuple[tuple[Texts, Side], ...] = ((dataset.corpus, "passage"), (dataset.queries, "query"))
        return sum(len(self.missing_rows(texts, side)) for texts, side in sides)

    def missing_rows(self, texts: Texts, side: Side) -> Ints:
        """Return the rows of the distinct texts that are not in the store yet, the shortest first."""
        keys, lengths = sha_keys_and_lengths(texts)
        missing = np.flatnonzero(self._store(side).find(keys) < 0)
        first = missing[np.unique(keys[missing], axis=0, return_index=True)[1]]
        rows: Ints = first[np.argsort(lengths[first], kind="stable")]
        return rows

    def vectors(self, texts: Texts, rows: Ints | Rows, side: Side) -> Floats:
        """Return shape (len(rows), D); missing vectors are encoded first."""
        store, positions = self._ensure(texts, np.asarray(rows, dtype=np.int64), side)
        if not len(positions):
            return np.empty((0, self.encoder.dim), dtype=np.float32)
        return np.take(store.vectors(), positions, axis=0)

    def fill(self, out: Floats, texts: Texts, rows: Ints | Rows, side: Side) -> None:
        """Write the vectors of `rows` into `out` (len(rows), D), which may be memory-mapped, in blocks of READ_ROWS."""
        store, positions = self._ensure(texts, np.asarray(rows, dtype=np.int64), side)
        source = store.vectors()
        for start in range(0, len(positions), READ_ROWS):
            out[start : start + READ_ROWS] = source[positions[start : start + READ_ROWS]]

    def lookup(self, texts: Texts, rows: Ints, side: Side) -> tuple[Bools, Floats]:
        """Return which texts have a stored vector, shape (len(rows),), and the vectors, shape (len(rows), D), zeros elsewhere."""
        store = self._store(side)
        positions = store.find(sha_keys_and_lengths(texts)[0][rows])
        is_present: Bools = positions >= 0
        out = np.zeros((len(rows), self.encoder.dim), dtype=np.float32)
        out[is_present] = store.vectors()[positions[is_present]]
        return is_present, out

    def _ensure(self, texts: Texts, rows: Ints, side: Side) -> tuple[Store, Ints]:
        """Encode the missing texts; return the store, and the position of each row's vector in it."""
        store = self._store(side)
        all_keys, all_lengths = sha_keys_and_lengths(texts)
        keys, lengths = all_keys[rows], all_lengths[rows]
        missing = np.flatnonzero(store.find(keys) < 0)
        if len(missing):
            _, first = np.unique(keys[missing], axis=0, return_index=True)
            self._encode(store, texts, rows, missing[first], keys, lengths, side)
        return store, store.find(keys)

    def _encode(self, store: Store, texts: Texts, rows: Ints, missing: Ints, keys: Keys, lengths: Ints, side: Side) -> None:
        order = missing[np.lexsort((keys[missing, 1], keys[missing, 0], -lengths[missing]))]
        done = 0
        for block in cut_blocks(order, lengths, BLOCK_TEXTS, BLOCK_CHARS):
            batch = texts.texts(rows[block])
            vectors = self.encoder.encode(batch, side)
            if not np.isfinite(vectors).all():
                position = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
                raise ModelError(
                    f"model '{self.encoder.name}' gives NaN or infinity for {side} '{texts.ids(rows[block[position : position + 1]])[0]}'"
                )
            store.append(keys[block], vectors)
            done += len(block)
            self.encoded += len(block)
            if self._on_progress:
                self._on_progress("encode queries" if side == "query" else "encode passages", done, len(order))

    def _store(self, side: Side) -> Store:
        fingerprint = self.encoder.fingerprint(side)
        if fingerprint not in self._stores:
            self._stores[fingerprint] = Store(self._cache, fingerprint, self.encoder.dim, self.encoder.name)
        self._stores[fingerprint].refresh()
        return self._stores[fingerprint]


def cut_blocks(order: Ints, lengths: Ints, most: int, most_chars: int) -> list[Ints]:
    """Cut `order` so that a block holds at most `most` items and about `most_chars` characters. lengths: characters of each item."""
    blocks, start, chars = [], 0, 0
    for end, item in enumerate(order.tolist(), 1):
        chars += int(lengths[item])
        if chars >= most_chars or end - start >= most:
            blocks.append(order[start:end])
            start, chars = end, 0
    return [*blocks, order[start:]] if start < len(order) else blocks

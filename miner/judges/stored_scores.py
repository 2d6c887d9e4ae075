"""Scores through a store, as vectors are: a stored score is read, missing pairs are scored in fixed blocks and committed.

    <cache>/scores/<fingerprint>/   as a store of vectors of one dimension; the key of a pair is a hash of both texts

The blocks follow from the content alone — the new pairs by descending length, then by key, cut at fixed sizes — so a run that was killed
goes on with the same blocks. The first score of a pair stays, and runs share it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Protocol

import numpy as np

from miner.encode.store import KEY_BYTES, Keys, Store, sha_keys_and_lengths
from miner.encode.stored_vectors import cut_blocks
from miner.errors import ModelError
from miner.types import Dataset, Floats, Ints, JudgeDescription, Progress, Texts

BLOCK_CHARS = 2**20
BLOCK_PAIRS = 4096


class Judge(Protocol):
    """Scores pairs of row numbers of a dataset."""

    def scores(self, dataset: Dataset, queries: Ints, rows: Ints) -> Floats:
        """Shape (n,): the score of each pair, finite."""
        ...

    def describe(self) -> JudgeDescription:
        """What the manifest says of it."""
        ...


class PairModel(Protocol):
    """A model that scores texts, with no store."""

    name: str

    def score(self, queries: list[str], passages: list[str]) -> Floats:
        """Shape (n,)."""
        ...

    def describe(self) -> JudgeDescription:
        """What the manifest says of it."""
        ...


class StoredScores:
    """A model with its store of scores: the same pair gives the same bits every time."""

    def __init__(self, model: PairModel, cache: Path, on_progress: Progress | None = None) -> None:
        self.model, self._on_progress, self.scored = model, on_progress, 0
        self._store = Store(cache, model.describe()["fingerprint"], 1, model.name, kind="scores")

    def describe(self) -> JudgeDescription:
        """What the manifest says of the model."""
        return self.model.describe()

    def scores(self, dataset: Dataset, queries: Ints, rows: Ints) -> Floats:
        """Shape (n,): the score of each pair; missing ones are made first."""
        keys = pair_keys(dataset, queries, rows)
        self._store.refresh()
        missing = np.flatnonzero(self._store.find(keys) < 0)
        if len(missing):
            _, first = np.unique(keys[missing], axis=0, return_index=True)
            self._score(dataset, queries, rows, keys, missing[first])
        return np.take(self._store.vectors(), self._store.find(keys), axis=0)[:, 0]

    def _score(self, dataset: Dataset, queries: Ints, rows: Ints, keys: Keys, missing: Ints) -> None:
        lengths = sha_keys_and_lengths(dataset.queries)[1][queries] + sha_keys_and_lengths(dataset.corpus)[1][rows]
        order = missing[np.lexsort((keys[missing, 1], keys[missing, 0], -lengths[missing]))]
        done = 0
        for block in cut_blocks(order, lengths, BLOCK_PAIRS, BLOCK_CHARS):
            values = self.model.score(_texts(dataset.queries, queries[block]), _texts(dataset.corpus, rows[block]))
            if not np.isfinite(values).all():
                place = block[int(np.flatnonzero(~np.isfinite(values))[0])]
                query, passage = dataset.queries.ids([int(queries[place])])[0], dataset.corpus.ids([int(rows[place])])[0]
                raise ModelError(f"judge '{self.model.name}' gives NaN or infinity for query '{query}' and passage '{passage}'")
            self._store.append(keys[block], values[:, None])
            done += len(block)
            self.scored += len(block)
            if self._on_progress:
                self._on_progress("judge", done, len(order))


def pair_keys(dataset: Dataset, queries: Ints, rows: Ints) -> Keys:
    """Shape (n, 2): a hash of the keys of both texts."""
    texts = [sha_keys_and_lengths(side)[0][places] for side, places in ((dataset.queries, queries), (dataset.corpus, rows))]
    joined = np.ascontiguousarray(np.concatenate(texts, axis=1).astype(">u8")).tobytes()
    width = 2 * KEY_BYTES
    digests = b"".join(hashlib.sha256(joined[start : start + width]).digest()[:KEY_BYTES] for start in range(0, len(joined), width))
    return np.frombuffer(digests, dtype=">u8").astype(np.uint64).reshape(-1, 2)


def _texts(texts: Texts, rows: Ints) -> list[str]:
    """The text of each row; each distinct one is fetched once."""
    unique, inverse = np.unique(rows, return_inverse=True)
    fetched = texts.texts(unique)
    return [fetched[place] for place in inverse.tolist()]

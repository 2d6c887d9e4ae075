"""Is a candidate one of the positives, the query, or a copy of either? Whole batches at a time, on integers instead of strings."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from miner.support import noise
from miner.support.normalize import plain_key
from miner.types import Bools, Candidates, Codes, Dataset, Ints, Rows, Texts


class KnownPositive:
    """Shape (B, K) uint8: 1 where the candidate is a known positive of the query, or stands for one with the very same text."""

    def __init__(self, dataset: Dataset, source: Any) -> None:
        self._position: Rows = source.position

    def __call__(self, candidates: Candidates) -> Codes:
        """Return shape (B, K)."""
        return among(candidates.rows, candidates.positives, self._position).astype(np.uint8)


class SameText:
    """Shape (B, K) uint8, bits: 1 = a positive's text, 2 = the query's text, 4 = a better-ranked candidate's text; normalised."""

    def __init__(self, dataset: Dataset, source: Any) -> None:
        self._passages, self._queries = hashes(dataset.corpus), hashes(dataset.queries)
        if dataset.corpus not in _repeats:
            distinct = self._passages[source.passage_rows]
            _repeats[dataset.corpus] = len(np.unique(distinct)) < len(distinct)
        self._repeats = _repeats[dataset.corpus]

    def __call__(self, candidates: Candidates) -> Codes:
        """Return shape (B, K)."""
        groups = self._passages[candidates.rows]  # of the padding, which stands last, the last passage's
        code = among(candidates.rows, candidates.positives, self._passages).astype(np.uint8)
        code |= ((groups == self._queries[candidates.queries][:, None]) & candidates.present).astype(np.uint8) << 1
        if self._repeats:
            code |= (repeated(groups) & candidates.present).astype(np.uint8) << 2
        return code


class SameId:
    """Shape (B, K) uint8: 1 where the candidate's id is the query's id."""

    def __init__(self, dataset: Dataset, source: Any) -> None:
        self._passages, self._queries = id_keys(dataset.corpus), id_keys(dataset.queries)

    def __call__(self, candidates: Candidates) -> Codes:
        """Return shape (B, K)."""
        is_same_id = self._passages[candidates.rows] == self._queries[candidates.queries][:, None]
        code: Codes = (is_same_id & candidates.present).astype(np.uint8)
        return code


_keys_by_texts: dict[str, WeakKeyDictionary[Texts, NDArray[np.uint64]]] = {"ids": WeakKeyDictionary(), "texts": WeakKeyDictionary()}
"""Made once for a corpus that stays open, as in the service."""
_repeats: WeakKeyDictionary[Texts, bool] = WeakKeyDictionary()
"""Whether two of a corpus' distinct texts are the same when normalised."""


def id_keys(texts: Texts) -> noise.Keys:
    """Shape (N,) uint64: a key of every id, in row order."""
    if texts not in _keys_by_texts["ids"]:
        parts = [noise.keys(batch.column("id").to_pylist()) for batch in texts.batches()]
        _keys_by_texts["ids"][texts] = np.concatenate([np.empty(0, dtype=np.uint64), *parts])
    return _keys_by_texts["ids"][texts]


def hashes(texts: Texts) -> NDArray[np.uint64]:
    """Shape (N,) uint64: a hash of every normalised text, in row order."""
    if texts not in _keys_by_texts["texts"]:
        _keys_by_texts["texts"][texts] = _hashed(texts)
    return _keys_by_texts["texts"][texts]


def _hashed(texts: Texts) -> NDArray[np.uint64]:
    hashes = (plain_key(text) for batch in texts.all_texts() for text in batch)
    return np.fromiter(hashes, dtype=np.uint64, count=len(texts))


def among(rows: Rows, positives: Rows, group: NDArray[Any]) -> Bools:
    """Shape (B, K): True where a candidate's group is that of one of the anchor's positives. No (B, K, P) array is made."""
    groups = group[rows]
    is_match: Bools = np.zeros(rows.shape, dtype=bool)
    for column in range(positives.shape[1]):
        anchors = np.flatnonzero(positives[:, column] >= 0)
        is_match[anchors] |= groups[anchors] == group[positives[anchors, column]][:, None]
    return is_match & (rows >= 0)


def repeated(groups: NDArray[Any]) -> Bools:
    """Shape (B, K): True where the same group stands further left in the row."""
    order: Ints = np.argsort(groups, axis=1, kind="stable")
    ranked = np.take_along_axis(groups, order, axis=1)
    is_repeat = np.zeros(groups.shape, dtype=bool)
    is_repeat[:, 1:] = ranked[:, 1:] == ranked[:, :-1]
    out = np.zeros(groups.shape, dtype=bool)
    np.put_along_axis(out, order, is_repeat, axis=1)
    return out

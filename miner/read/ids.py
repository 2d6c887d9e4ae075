"""Rows by id, without the ids in memory: sorted 64-bit xxh3 keys (12 bytes per row), each match verified against the string.

Two ids with the same key are distinguished by their strings, so a result is never wrong. Imports types only.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import xxhash
from numpy.typing import NDArray

from miner.types import Ints, Rows, Texts, join_title

Keys = NDArray[np.uint64]

CHUNK_ROWS = 1 << 16


def key(text: str) -> int:
    """Return the 64-bit hash of a string."""
    return xxhash.xxh3_64_intdigest(text.encode())


def xxh_keys(texts: Iterable[str]) -> Keys:
    """Return shape (n,): the key of each string."""
    return as_keys(array("Q", [key(text) for text in texts]))


def as_keys(numbers: array[int]) -> Keys:
    """Return the keys as a numpy array, without a copy."""
    return np.frombuffer(numbers, dtype=np.uint64) if numbers else np.empty(0, np.uint64)


def joined_text_keys(texts: Texts) -> Keys:
    """Return shape (N,): the key of each row's title and text, joined."""
    keys = array("Q")
    for batch in texts.batches():
        pairs = zip(batch.column("title").to_pylist(), batch.column("text").to_pylist(), strict=True)
        keys.extend(key(join_title(*pair)) for pair in pairs)
    return as_keys(keys)


class Lookup:
    """Rows by string: by id, or by joined text.

    keys: the key of each row, (N,).
    strings: function that returns the strings of rows, to verify matches.
    """

    def __init__(self, keys: Keys, strings: Callable[[Ints | Rows], list[str]]) -> None:
        self._order = np.argsort(keys, kind="stable").astype(np.int32)
        self._keys = keys[self._order]
        self._strings = strings

    def rows(self, strings: Sequence[str]) -> Rows:
        """Return shape (n,): the first row with each string, -1 where there is none."""
        keys = xxh_keys(strings)
        result = np.full(len(strings), -1, dtype=np.int32)
        positions = np.searchsorted(self._keys, keys)
        pending = self._hits(np.arange(len(strings)), positions, keys)
        while pending.size:
            rows = self._order[positions[pending]]
            candidates = self._strings(rows)
            is_equal = np.array([text == strings[i] for text, i in zip(candidates, pending.tolist(), strict=True)], dtype=bool)
            result[pending[is_equal]] = rows[is_equal]
            pending = pending[~is_equal]
            positions[pending] += 1  # another id with the same key: check the next row
            pending = self._hits(pending, positions, keys)
        return result

    def _hits(self, pending: Ints, positions: Ints, keys: Keys) -> Ints:
        """Return those of `pending` whose position has their key."""
        in_range = pending[positions[pending] < len(self._keys)]
        hits: Ints = in_range[self._keys[positions[in_range]] == keys[in_range]]
        return hits


def firsts(texts: Texts, keys: Keys) -> Ints:
    """Return shape (N,): for each row the first row with the same id."""
    order = np.argsort(keys, kind="stable")
    ranked = keys[order]
    is_first = np.concatenate([[True], ranked[1:] != ranked[:-1]]) if len(keys) else np.empty(0, bool)
    starts = np.maximum.accumulate(np.where(is_first, np.arange(len(keys)), 0))
    first = np.empty(len(keys), dtype=np.int64)
    first[order] = order[starts]
    shared_keys: set[int] = set()
    for rows in chunks(np.flatnonzero(first != np.arange(len(keys)))):
        pairs = zip(texts.ids(rows), texts.ids(first[rows]), rows.tolist(), strict=True)
        shared_keys.update(int(keys[row]) for row_id, first_id, row in pairs if row_id != first_id)
    for shared_key in shared_keys:
        start, stop = np.searchsorted(ranked, np.uint64(shared_key), "left"), np.searchsorted(ranked, np.uint64(shared_key), "right")
        members = order[start:stop]
        first_row_of: dict[str, int] = {}
        for row, name in zip(members.tolist(), texts.ids(members), strict=True):
            first[row] = first_row_of.setdefault(name, row)
    return first


def chunks(rows: Ints) -> Iterator[Ints]:
    """Yield `rows` in chunks whose strings fit in memory."""
    for start in range(0, len(rows), CHUNK_ROWS):
        yield rows[start : start + CHUNK_ROWS]

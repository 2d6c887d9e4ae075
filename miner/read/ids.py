"""From id to row without holding the ids: sorted 64-bit xxh3 keys (12 bytes per row), each hit verified against the string.

Two ids with the same key are told apart by the strings, so an answer is never wrong. Imports types only.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import xxhash
from numpy.typing import NDArray

from miner.types import Ints, Rows, Texts, join_title

Keys = NDArray[np.uint64]

CHUNK = 1 << 16


def key(text: str) -> int:
    """64-bit hash of a string."""
    return xxhash.xxh3_64_intdigest(text.encode())


def keys_of(texts: Iterable[str]) -> Keys:
    """Shape (n,): the key of each string."""
    return as_keys(array("Q", [key(text) for text in texts]))


def as_keys(numbers: array[int]) -> Keys:
    """An array of keys as numpy sees it, without a copy."""
    return np.frombuffer(numbers, dtype=np.uint64) if numbers else np.empty(0, np.uint64)


def text_keys(texts: Texts) -> Keys:
    """Shape (N,): the key of each row's title and text, joined."""
    found = array("Q")
    for batch in texts.batches():
        both = zip(batch.column("title").to_pylist(), batch.column("text").to_pylist(), strict=True)
        found.extend(key(join_title(*pair)) for pair in both)
    return as_keys(found)


class Lookup:
    """Rows by string: by id, or by joined text when `strings` says so."""

    def __init__(self, keys: Keys, strings: Callable[[Ints | Rows], list[str]]) -> None:
        self._order = np.argsort(keys, kind="stable").astype(np.int32)
        self._keys = keys[self._order]
        self._strings = strings

    def rows(self, wanted: Sequence[str]) -> Rows:
        """Shape (n,): the first row that holds each string, -1 where there is none."""
        keys = keys_of(wanted)
        found = np.full(len(wanted), -1, dtype=np.int32)
        places = np.searchsorted(self._keys, keys)
        open_ = self._hits(np.arange(len(wanted)), places, keys)
        while open_.size:
            rows = self._order[places[open_]]
            there = self._strings(rows)
            same = np.array([text == wanted[i] for text, i in zip(there, open_.tolist(), strict=True)], dtype=bool)
            found[open_[same]] = rows[same]
            open_ = open_[~same]
            places[open_] += 1  # another id with the same key: look at the next one
            open_ = self._hits(open_, places, keys)
        return found

    def _hits(self, asked: Ints, places: Ints, keys: Keys) -> Ints:
        """Those of `asked` whose place holds their key."""
        inside = asked[places[asked] < len(self._keys)]
        hits: Ints = inside[self._keys[places[inside]] == keys[inside]]
        return hits


def firsts(texts: Texts, keys: Keys) -> Ints:
    """Shape (N,): for each row the first row with the same id, itself where it is new."""
    order = np.argsort(keys, kind="stable")
    ranked = keys[order]
    fresh = np.concatenate([[True], ranked[1:] != ranked[:-1]]) if len(keys) else np.empty(0, bool)
    starts = np.maximum.accumulate(np.where(fresh, np.arange(len(keys)), 0))
    first = np.empty(len(keys), dtype=np.int64)
    first[order] = order[starts]
    collided: set[int] = set()
    for rows in chunks(np.flatnonzero(first != np.arange(len(keys)))):
        pairs = zip(texts.ids(rows), texts.ids(first[rows]), rows.tolist(), strict=True)
        collided.update(int(keys[row]) for mine, theirs, row in pairs if mine != theirs)
    for shared in collided:
        start, stop = np.searchsorted(ranked, np.uint64(shared), "left"), np.searchsorted(ranked, np.uint64(shared), "right")
        members = order[start:stop]
        seen: dict[str, int] = {}
        for row, name in zip(members.tolist(), texts.ids(members), strict=True):
            first[row] = seen.setdefault(name, row)
    return first


def chunks(rows: Ints) -> Iterator[Ints]:
    """`rows` in pieces that fit in memory with their strings."""
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]

"""Word 5-grams of every passage, as numbers: what two texts have in common, counted exactly.

A shingle that occurs in one passage only can be in no intersection, so only those that occur in two or more are kept, the rarest first,
beside the number each passage has in all. In scripts without spaces every character is a word; a text shorter than five words is one
shingle, so that a title is never "contained" in a text that happens to hold its words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from weakref import WeakKeyDictionary

import numpy as np
import xxhash
from numpy.typing import NDArray

from miner.support.normalize import SENTENCE_MARKS, normalise
from miner.types import Ints, Rows, Texts

WIDTH = 5
BATCH = 16_384
ENTRIES = 1 << 21
"""Shingles held at a time while pairs are compared."""
UNSPACED = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])"
)
"""Thai, Lao, Burmese, Khmer, kana and Chinese characters."""


@dataclass(frozen=True)
class Shingles:
    """sizes int32 (N,): distinct shingles of each passage; `ids[indptr[n]:indptr[n + 1]]`: those of them that occur in another one too.

    ids int32, rising within a passage, numbered from the rarest to the most frequent: 0 .. count - 1. indptr int64 (N + 1,).
    """

    sizes: Rows
    indptr: Ints
    ids: Rows
    count: int

    @property
    def shared(self) -> Ints:
        """Shape (N,): how many of each passage's shingles occur in another one."""
        lengths: Ints = np.diff(self.indptr)
        return lengths

    def of(self, rows: Ints | Rows) -> tuple[Rows, Ints]:
        """The ids of some passages one after the other, and to which place of `rows` each belongs."""
        lengths = self.shared[rows]
        ends = np.cumsum(lengths)
        places = np.repeat(np.arange(len(rows)), lengths)
        inside = np.arange(ends[-1] if len(ends) else 0) - (ends - lengths)[places]
        return self.ids[self.indptr[rows][places] + inside], places

    def in_common(self, left: Ints | Rows, right: Ints | Rows) -> Ints:
        """Shape (n,): how many shingles the passages left[i] and right[i] share."""
        parts = [np.empty(0, dtype=np.int64)]
        for batch in np.array_split(np.arange(len(left)), int((self.shared[left] + self.shared[right]).sum()) // ENTRIES + 1):
            left_ids, at = self.of(left[batch])
            right_ids, to = self.of(right[batch])
            left_keys, right_keys = at * self.count + left_ids, to * self.count + right_ids  # both rise
            hit = np.zeros(len(left_keys), dtype=bool)
            if len(right_keys):
                hit = right_keys[np.minimum(np.searchsorted(right_keys, left_keys), len(right_keys) - 1)] == left_keys
            parts.append(np.bincount(at[hit], minlength=len(batch)))
        return np.concatenate(parts)


_shingles_by_texts: WeakKeyDictionary[Texts, Shingles] = WeakKeyDictionary()


def shingles(texts: Texts) -> Shingles:
    """The shingles of all N passages; made once for a corpus that stays open. Takes 8 bytes a word while they are counted."""
    if texts not in _shingles_by_texts:
        _shingles_by_texts[texts] = _counted(texts)
    return _shingles_by_texts[texts]


def words(text: str) -> list[str]:
    """The words of a text, normalised, without sentence marks; a character is a word in scripts without spaces."""
    plain = normalise(text)
    parts = (word.strip(SENTENCE_MARKS) for word in (plain if plain.isascii() else UNSPACED.sub(r" \1 ", plain)).split())
    return [word for word in parts if word]


def _counted(texts: Texts) -> Shingles:
    hashed = [_hashed(map(words, texts.texts(np.arange(start, min(start + BATCH, len(texts)))))) for start in range(0, len(texts), BATCH)]
    sizes = np.concatenate([np.empty(0, dtype=np.int64), *(np.bincount(owners, minlength=length) for _, owners, length in hashed)])
    hashes = np.concatenate([np.empty(0, dtype=np.uint64), *(values for values, *_ in hashed)])
    _, shingle_index, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    order = np.argsort(counts, kind="stable")
    ones = int((counts == 1).sum())
    number = np.empty(len(counts), dtype=np.int32)
    number[order] = np.arange(len(counts), dtype=np.int32) - ones  # those of one passage only fall below 0
    ids, owners = number[shingle_index], np.repeat(np.arange(len(texts)), sizes)
    ids, owners = ids[ids >= 0], owners[ids >= 0]
    indptr = np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=len(texts)))]).astype(np.int64)
    return Shingles(sizes.astype(np.int32), indptr, ids[np.lexsort((ids, owners))], len(counts) - ones)


def _hashed(texts: Iterable[list[str]]) -> tuple[NDArray[np.uint64], Ints, int]:
    """Distinct 64-bit hashes of the shingles of texts; the text index of each hash, ascending; the number of texts."""
    padded = [[*map(_hash, sequence), *[0] * (WIDTH - len(sequence))] if sequence else [] for sequence in texts]
    lengths = np.fromiter(map(len, padded), dtype=np.int64, count=len(padded))
    flat = np.fromiter((value for sequence in padded for value in sequence), dtype=np.uint64, count=int(lengths.sum()))
    owners, ends = np.repeat(np.arange(len(padded)), lengths), np.repeat(np.cumsum(lengths), lengths)
    starts = np.flatnonzero(np.arange(len(flat)) + WIDTH <= ends)
    mixed = np.zeros(len(starts), dtype=np.uint64)
    for step in range(WIDTH):
        mixed = (mixed ^ flat[starts + step]) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    owners = owners[starts]
    order = np.lexsort((mixed, owners))
    mixed, owners = mixed[order], owners[order]
    new = np.ones(len(mixed), dtype=bool)
    new[1:] = (mixed[1:] != mixed[:-1]) | (owners[1:] != owners[:-1])
    return mixed[new], owners[new], len(padded)


@lru_cache(1 << 20)
def _hash(word: str) -> int:
    return xxhash.xxh3_64_intdigest(word.encode())

"""Texts that are nearly the same word for word: what is left of a passage that was copied and edited.

Two passages are near if the Jaccard similarity of their 5-gram shingles is 0.8 or more; nearness is transitive. Pairs are found
exactly, by a prefix join (Chaudhuri, Ganti, Kaushik 2006): with the shingles from rare to frequent, two sets so similar share one
of the first fifth of either. MinHash would only estimate it, and costs more.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from miner.evidence.identity import among, repeated
from miner.evidence.shingles import Shingles, shingles
from miner.types import Bools, Candidates, Codes, Dataset, Ints, Rows, Texts

NEIGHBOURS = 64
"""How many neighbours of a passage (by size, then row) are compared in the list of one shingle; shorter lists are compared completely."""


_groups_by_corpus: WeakKeyDictionary[Texts, Rows] = WeakKeyDictionary()
"""Made once for a corpus that stays open."""


class NearText:
    """Shape (B, K) uint8, bits: 1 = near a positive's text, 4 = near a better-ranked candidate's text."""

    def __init__(self, dataset: Dataset, source: Any) -> None:
        if dataset.corpus not in _groups_by_corpus:
            _groups_by_corpus[dataset.corpus] = near_groups(shingles(dataset.corpus))
        self._groups = _groups_by_corpus[dataset.corpus]

    def __call__(self, candidates: Candidates) -> Codes:
        """Return shape (B, K)."""
        code: Codes = among(candidates.rows, candidates.positives, self._groups).astype(np.uint8)
        groups = np.where(candidates.present, self._groups[candidates.rows], -1)
        code |= (repeated(groups) & candidates.present).astype(np.uint8) << 2
        return code


def near_groups(corpus_shingles: Shingles) -> Rows:
    """Shape (N,): the same number for passages that are near each other, directly or over others."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ids, rows = _prefixes(corpus_shingles)
    groups = np.arange(len(corpus_shingles.sizes), dtype=np.int32)
    left, right = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    for step in range(1, NEIGHBOURS + 1):
        smaller, larger = rows[:-step], rows[step:]
        new = (
            (ids[:-step] == ids[step:])
            & (groups[smaller] != groups[larger])
            & (5 * corpus_shingles.sizes[smaller] >= 4 * corpus_shingles.sizes[larger])
        )
        if not new.any():
            if not (ids[:-step] == ids[step:]).any():
                break
            continue
        smaller, larger = np.divmod(np.unique(smaller[new] * len(groups) + larger[new]), len(groups))
        near = _near(corpus_shingles, smaller, larger)
        left, right = np.concatenate([left, smaller[near]]), np.concatenate([right, larger[near]])
        graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(len(groups), len(groups)))
        groups = connected_components(graph, directed=False)[1].astype(np.int32)
    return groups


def _near(corpus_shingles: Shingles, left: Ints, right: Ints) -> Bools:
    """In whole numbers: common / (left + right - common) >= 4 / 5."""
    near: Bools = 9 * corpus_shingles.in_common(left, right) >= 4 * (
        corpus_shingles.sizes[left].astype(np.int64) + corpus_shingles.sizes[right]
    )
    return near


def _prefixes(corpus_shingles: Shingles) -> tuple[Rows, Ints]:
    """(id, row) of every shingle in a passage's prefix, by id, then by the passage's size, then by row."""
    sizes = corpus_shingles.sizes.astype(np.int64)
    length = np.maximum(sizes - (4 * sizes + 4) // 5 + 1 - (sizes - corpus_shingles.shared), 0)  # its unique shingles are the rarest
    length = np.minimum(length, corpus_shingles.shared)
    rows = np.repeat(np.arange(len(sizes)), length)
    inside = np.arange(len(rows)) - np.repeat(np.cumsum(length) - length, length)
    ids = corpus_shingles.ids[corpus_shingles.indptr[rows] + inside]
    order = np.lexsort((rows, sizes[rows], ids))
    return ids[order], rows[order]

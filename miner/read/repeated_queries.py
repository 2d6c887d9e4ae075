"""Queries with the same text under another id or in another split: a positive of one is a known positive of the other.

Imports types, the text normalisation and its neighbours only. Memory: some 8-byte numbers for each query and each judgement.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

import numpy as np

from miner.support.normalize import plain_key
from miner.types import Bools, Ints, SameQuestions, Texts

MAX_SHOWN_IDS = 3
"""Query ids in the result, at most."""


class SharedQueries(TypedDict):
    """The queries of the dataset that another split contains too: their number, and the first ids."""

    queries: int
    ids: list[str]


def same_questions(
    queries: Texts, is_used: Bools, positives: tuple[Ints, Ints], elsewhere: Mapping[str, tuple[Ints, Ints]]
) -> tuple[SameQuestions | None, dict[str, int]]:
    """Group queries by normalised text, where a query of the dataset has more known positives than its own.

    queries: all queries (Q).
    is_used: (Q,), True for queries of the dataset.
    positives: query rows and passage rows of the positives of these queries.
    elsewhere: those of other splits, by file.
    Returns the groups, None where no query has further positives, and for each of these files the number of positives it adds.
    """
    group = _groups(queries)
    own_pairs, other_pairs = _unique_pairs(*positives), list(elsewhere.values())
    all_pairs = _unique_pairs(
        group[np.concatenate([positives[0], *(pairs[0] for pairs in other_pairs)])],
        np.concatenate([positives[1], *(pairs[1] for pairs in other_pairs)]),
    )
    is_used_group = np.bincount(group[is_used], minlength=int(group.max(initial=0)) + 1) > 0
    added = {
        name: _count_added((group[positives[0]], positives[1]), (group[pairs[0]], pairs[1]), is_used_group)
        for name, pairs in elsewhere.items()
    }
    pair_counts = np.bincount(all_pairs[0], minlength=int(group.max(initial=0)) + 1)
    has_more = is_used & (np.bincount(own_pairs[0], minlength=len(queries)) < pair_counts[group])
    if not has_more.any():
        return None, added
    is_stored_group = np.zeros(len(pair_counts), dtype=bool)
    is_stored_group[group[has_more]] = True
    number = np.where(is_stored_group, np.cumsum(is_stored_group) - 1, -1).astype(np.int32)
    indptr = np.concatenate([[0], np.cumsum(pair_counts[is_stored_group])]).astype(np.int64)
    return SameQuestions(number[group[is_used]], indptr, all_pairs[1][is_stored_group[all_pairs[0]]].astype(np.int32)), added


def queries_in_other_splits(queries: Texts, is_used: Bools, elsewhere: Mapping[str, tuple[Ints, Ints]]) -> dict[str, SharedQueries]:
    """Return for each file of other judgements how many queries of the dataset (`is_used`, (Q,)) it contains too, by normalised text."""
    if not elsewhere:
        return {}
    group = _groups(queries)
    rank = np.empty(len(queries), dtype=np.int64)
    rank[queries.id_order] = np.arange(len(queries))
    result: dict[str, SharedQueries] = {}
    for name, (rows, _) in elsewhere.items():
        shared = np.flatnonzero(is_used & np.isin(group, group[rows]))
        first = shared[np.argsort(rank[shared])][:MAX_SHOWN_IDS]
        result[name] = {"queries": len(shared), "ids": queries.ids(first)}
    return {name: entry for name, entry in result.items() if entry["queries"]}


def _groups(queries: Texts) -> Ints:
    """Return shape (Q,): a number for every normalised text."""
    keys = np.fromiter((plain_key(text) for batch in queries.all_texts() for text in batch), dtype=np.uint64, count=len(queries))
    return np.unique(keys, return_inverse=True)[1].astype(np.int64)


def _count_added(own_pairs: tuple[Ints, Ints], other_pairs: tuple[Ints, Ints], is_used_group: Bools) -> int:
    """Count the (group, passage) pairs of another split, in groups of the dataset, that are not among its own pairs."""
    width = 1 + max(int(own_pairs[1].max(initial=0)), int(other_pairs[1].max(initial=0)))
    other_codes = (other_pairs[0] * width + other_pairs[1])[is_used_group[other_pairs[0]]]
    return len(np.setdiff1d(other_codes, own_pairs[0] * width + own_pairs[1]))


def _unique_pairs(first: Ints, second: Ints) -> tuple[Ints, Ints]:
    """Return the pairs without duplicates, sorted."""
    order = np.lexsort((second, first))
    first, second = first[order], second[order]
    is_new = np.ones(len(order), dtype=bool)
    is_new[1:] = (np.diff(first) != 0) | (np.diff(second) != 0)
    return first[is_new], second[is_new]

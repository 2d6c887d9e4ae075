"""The same question asked twice, under another id or in another split: what is relevant to one is relevant to the other.

Imports types, what makes texts the same, and its neighbours only. Memory: some 8-byte numbers for each query and each judgement.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from miner.support.normalize import plain_key
from miner.types import Bools, Ints, SameQuestions, Texts

SHOWN = 3
"""Queries that are named."""


def same_questions(
    queries: Texts, useful: Bools, own: tuple[Ints, Ints], elsewhere: Mapping[str, tuple[Ints, Ints]]
) -> tuple[SameQuestions | None, dict[str, int]]:
    """Groups of queries with the same normalised text where one of the `useful` (Q,) has more to know than its own positives.

    own: query rows and passage rows of the useful queries' positives. elsewhere: those of other splits, by file. None: nobody has more
    to know. Also of each of these files how many positives it adds to what the useful queries' own splits say of the questions.
    """
    group = _groups(queries)
    mine, others = _distinct(*own), list(elsewhere.values())
    known = _distinct(
        group[np.concatenate([own[0], *(each[0] for each in others)])], np.concatenate([own[1], *(each[1] for each in others)])
    )
    asked = np.bincount(group[useful], minlength=int(group.max(initial=0)) + 1) > 0
    added = {name: _added((group[own[0]], own[1]), (group[each[0]], each[1]), asked) for name, each in elsewhere.items()}
    there = np.bincount(known[0], minlength=int(group.max(initial=0)) + 1)
    lacking = useful & (np.bincount(mine[0], minlength=len(queries)) < there[group])
    if not lacking.any():
        return None, added
    told = np.zeros(len(there), dtype=bool)
    told[group[lacking]] = True
    number = np.where(told, np.cumsum(told) - 1, -1).astype(np.int32)
    indptr = np.concatenate([[0], np.cumsum(there[told])]).astype(np.int64)
    return SameQuestions(number[group[useful]], indptr, known[1][told[known[0]]].astype(np.int32)), added


def asked_in(queries: Texts, useful: Bools, elsewhere: Mapping[str, tuple[Ints, Ints]]) -> dict[str, dict[str, Any]]:
    """Of each file of other judgements, how many of the `useful` (Q,) queries are asked there too, by normalised text; the first by id."""
    if not elsewhere:
        return {}
    group = _groups(queries)
    rank = np.empty(len(queries), dtype=np.int64)
    rank[queries.id_order] = np.arange(len(queries))
    told = {}
    for name, (rows, _) in elsewhere.items():
        asked = np.flatnonzero(useful & np.isin(group, group[rows]))
        first = asked[np.argsort(rank[asked])][:SHOWN]
        told[name] = {"queries": len(asked), "ids": queries.ids(first)}
    return {name: each for name, each in told.items() if each["queries"]}


def _groups(queries: Texts) -> Ints:
    """Shape (Q,): a number for every normalised text."""
    keys = np.fromiter((plain_key(text) for batch in queries.all_texts() for text in batch), dtype=np.uint64, count=len(queries))
    return np.unique(keys, return_inverse=True)[1].astype(np.int64)


def _added(own: tuple[Ints, Ints], other: tuple[Ints, Ints], asked: Bools) -> int:
    """How many (question, passage) of `other` are about questions that are `asked` and are not among `own`."""
    width = 1 + max(int(own[1].max(initial=0)), int(other[1].max(initial=0)))
    theirs = (other[0] * width + other[1])[asked[other[0]]]
    return len(np.setdiff1d(theirs, own[0] * width + own[1]))


def _distinct(first: Ints, second: Ints) -> tuple[Ints, Ints]:
    """Pairs without repetition, sorted."""
    order = np.lexsort((second, first))
    first, second = first[order], second[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (np.diff(first) != 0) | (np.diff(second) != 0)
    return first[new], second[new]

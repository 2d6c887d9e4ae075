"""Positives hidden from a miner, so that negatives which are really positives can be counted.

Of every query with several positives some are shown and the others hidden, drawn by a hash of (seed, query id, passage id). Queries that
ask the same share what is known: what is shown for one of them is hidden for none, and what is hidden is hidden from all.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from miner.errors import InputError
from miner.evidence.identity import id_keys
from miner.read import Truth
from miner.support import noise
from miner.types import Bools, Dataset, Ints, Qrels, SameQuestions

FEWEST = 50
"""Queries with two positives or more, below which a rate would say nothing."""


def hide(dataset: Dataset, seed: int, share: float | None = None, fewest: int = FEWEST) -> tuple[Dataset, Truth]:
    """The dataset without the hidden judgements (not saved), and these.

    share: how much of a query's positives is hidden; None: all but one. At least one stays.
    InputError where fewer than `fewest` queries have two positives.
    """
    qrels = dataset.qrels
    owner = np.repeat(np.arange(len(dataset.queries)), np.diff(qrels.indptr))
    relevant = qrels.grades >= qrels.min_grade
    many = int((np.bincount(owner[relevant], minlength=len(dataset.queries)) > 1).sum())
    if many < fewest:
        raise InputError(f"{fewest} queries with two positives or more are wanted, and there are {many}: nothing could be measured")
    shown = _shown(dataset, owner, relevant, seed, share)
    unit = owner if qrels.same is None else np.where(qrels.same.group[owner] < 0, owner, len(dataset.queries) + qrels.same.group[owner])
    keys = unit.astype(np.int64) * len(dataset.corpus) + qrels.rows
    gone = relevant & ~np.isin(keys, keys[shown])
    truth = Truth(owner[gone], qrels.rows[gone].astype(np.int64), 0)
    return replace(dataset, qrels=_without(qrels, gone, owner, keys[gone], len(dataset.queries), len(dataset.corpus))), truth


def _shown(dataset: Dataset, owner: Ints, relevant: Bools, seed: int, share: float | None) -> Bools:
    """Shape (J,): True for the positives that stay: of each query those with the smallest hashes."""
    rows = dataset.qrels.rows
    drawn = noise.uniform(seed, id_keys(dataset.queries)[owner], id_keys(dataset.corpus)[rows][:, None])[:, 0]
    order = np.lexsort((drawn, ~relevant, owner))
    starts = dataset.qrels.indptr[owner[order]]
    counts = np.bincount(owner[relevant], minlength=len(dataset.queries))
    stay = np.ones(len(counts), dtype=np.int64) if share is None else np.maximum(1, np.ceil((1 - share) * counts - 1e-9)).astype(np.int64)
    shown = np.zeros(len(owner), dtype=bool)
    shown[order] = np.arange(len(order)) - starts < stay[owner[order]]
    return shown & relevant


def _without(qrels: Qrels, gone: Bools, owner: Ints, hidden: Ints, queries: int, passages: int) -> Qrels:
    """The judgements that stay; hidden: keys (query or Q + group) × N + passage of those that go."""
    indptr = np.concatenate([[0], np.cumsum(np.bincount(owner[~gone], minlength=queries))]).astype(np.int64)
    extras = None if qrels.extras is None else [extra for extra, left in zip(qrels.extras, gone.tolist(), strict=True) if not left]
    same = None if qrels.same is None else _same(qrels.same, hidden, queries, passages)
    return replace(qrels, indptr=indptr, rows=qrels.rows[~gone], grades=qrels.grades[~gone], extras=extras, same=same)


def _same(same: SameQuestions, hidden: Ints, queries: int, passages: int) -> SameQuestions:
    """What groups know without what is hidden from them."""
    group = np.repeat(np.arange(len(same.indptr) - 1), np.diff(same.indptr))
    stays = ~np.isin((queries + group) * passages + same.rows, hidden)
    counts = np.bincount(group[stays], minlength=len(same.indptr) - 1)
    return SameQuestions(same.group, np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), same.rows[stays])

"""Hides known positives from the miner, so that false negatives can be counted.

Each query with several positives keeps some and loses the others, drawn by a hash of (seed, query id, passage id). Queries with the same
text share their judgements: a positive that one of them keeps is hidden for none, and a hidden one is hidden for all.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from miner.errors import InputError
from miner.evidence.identity import id_keys
from miner.read import Truth
from miner.support import noise
from miner.types import Bools, Dataset, Ints, Qrels, SameQuestions

MIN_QUERIES = 50
"""The least number of queries with two positives or more for a usable estimate of the rate."""


def hide(dataset: Dataset, seed: int, share: float | None = None, min_queries: int = MIN_QUERIES) -> tuple[Dataset, Truth]:
    """The dataset without the hidden judgements (not saved), and the hidden judgements.

    share: the share of each query's positives to hide; None: all but one. At least one stays.
    min_queries: the least number of queries with two positives or more; InputError where there are fewer.
    """
    qrels = dataset.qrels
    owner = np.repeat(np.arange(len(dataset.queries)), np.diff(qrels.indptr))
    relevant = qrels.grades >= qrels.min_grade
    eligible = int((np.bincount(owner[relevant], minlength=len(dataset.queries)) > 1).sum())
    if eligible < min_queries:
        raise InputError(
            f"{min_queries} queries with two positives or more are wanted, and there are {eligible}: nothing could be measured"
        )
    is_visible = _choose_visible(dataset, owner, relevant, seed, share)
    unit = (
        owner
        if qrels.same_questions is None
        else np.where(qrels.same_questions.group[owner] < 0, owner, len(dataset.queries) + qrels.same_questions.group[owner])
    )
    keys = unit.astype(np.int64) * len(dataset.corpus) + qrels.rows
    is_hidden = relevant & ~np.isin(keys, keys[is_visible])
    hidden_pairs = Truth(owner[is_hidden], qrels.rows[is_hidden].astype(np.int64), 0)
    visible = _without(qrels, is_hidden, owner, keys[is_hidden], len(dataset.queries), len(dataset.corpus))
    return replace(dataset, qrels=visible), hidden_pairs


def _choose_visible(dataset: Dataset, owner: Ints, relevant: Bools, seed: int, share: float | None) -> Bools:
    """Shape (J,): True for the positives that stay: those of each query with the smallest hashes."""
    rows = dataset.qrels.rows
    hashes = noise.uniform(seed, id_keys(dataset.queries)[owner], id_keys(dataset.corpus)[rows][:, None])[:, 0]
    order = np.lexsort((hashes, ~relevant, owner))
    starts = dataset.qrels.indptr[owner[order]]
    counts = np.bincount(owner[relevant], minlength=len(dataset.queries))
    limits = np.ones(len(counts), dtype=np.int64) if share is None else np.maximum(1, np.ceil((1 - share) * counts - 1e-9)).astype(np.int64)
    is_visible = np.zeros(len(owner), dtype=bool)
    is_visible[order] = np.arange(len(order)) - starts < limits[owner[order]]
    return is_visible & relevant


def _without(qrels: Qrels, is_hidden: Bools, owner: Ints, hidden: Ints, queries: int, passages: int) -> Qrels:
    """The judgements that stay.

    is_hidden: shape (J,), True for a judgement to remove.
    owner: shape (J,), the query row of each judgement.
    hidden: keys (query or Q + group) × N + passage of the hidden judgements.
    """
    indptr = np.concatenate([[0], np.cumsum(np.bincount(owner[~is_hidden], minlength=queries))]).astype(np.int64)
    extras = (
        None if qrels.extras is None else [extra for extra, removed in zip(qrels.extras, is_hidden.tolist(), strict=True) if not removed]
    )
    same = None if qrels.same_questions is None else _same(qrels.same_questions, hidden, queries, passages)
    return replace(qrels, indptr=indptr, rows=qrels.rows[~is_hidden], grades=qrels.grades[~is_hidden], extras=extras, same_questions=same)


def _same(same: SameQuestions, hidden: Ints, queries: int, passages: int) -> SameQuestions:
    """The judgements of groups of equal queries without the hidden ones."""
    group = np.repeat(np.arange(len(same.indptr) - 1), np.diff(same.indptr))
    is_kept = ~np.isin((queries + group) * passages + same.rows, hidden)
    counts = np.bincount(group[is_kept], minlength=len(same.indptr) - 1)
    return SameQuestions(same.group, np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), same.rows[is_kept])

"""Samples a subset of a dataset that can be mined like the whole: queries, their known passages, and further passages.

The sample follows from a hash of the ids: equal data give an equal sample.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from miner.evidence.identity import id_keys
from miner.read.text_writer import rewrite
from miner.support import noise
from miner.types import Bools, Dataset, Ints, Qrels, Rows, SameQuestions, Texts

SALT = 0x5A3B1E


def sample(dataset: Dataset, folder: Path, queries: int, passages: int) -> Dataset:
    """A subset with at most `queries` queries and about `passages` passages, in `folder`; ids, texts and judgements are unchanged.

    All judged passages of a query are included; a query after the first is left out where this would exceed `passages`.
    """
    query_mask, passage_mask = _sample_masks(dataset, queries, passages)
    order = _by_hash(dataset.corpus)
    passage_mask[order[~passage_mask[order]][: max(0, passages - int(passage_mask.sum()))]] = True
    folder.mkdir(parents=True, exist_ok=True)
    rewrite([(dataset.queries.path, query_mask)], folder / "queries.arrow")
    rewrite([(dataset.corpus.path, passage_mask)], folder / "corpus.arrow")
    rows = (np.cumsum(passage_mask) - 1).astype(np.int32)
    qrels = _judged(dataset.qrels, np.flatnonzero(query_mask)).over(rows)
    subset = replace(dataset, queries=Texts(folder / "queries.arrow"), corpus=Texts(folder / "corpus.arrow"), qrels=qrels)
    subset.save(folder)
    return subset


def _sample_masks(dataset: Dataset, queries: int, passages: int) -> tuple[Bools, Bools]:
    """Shapes (Q,) and (N,): True for the sampled queries, and for the passages that are judged or known for them."""
    query_mask, passage_mask = np.zeros(len(dataset.queries), dtype=bool), np.zeros(len(dataset.corpus), dtype=bool)
    for query in _by_hash(dataset.queries)[:queries].tolist():
        judged = dataset.qrels.rows[int(dataset.qrels.indptr[query]) : int(dataset.qrels.indptr[query + 1])]
        known_rows = np.union1d(judged, dataset.qrels.relevant(query))
        if query_mask.any() and int(passage_mask.sum()) + int((~passage_mask[known_rows]).sum()) > passages:
            continue
        query_mask[query], passage_mask[known_rows] = True, True
    return query_mask, passage_mask


def _by_hash(texts: Texts) -> Ints:
    """All rows in a pseudo-random order that follows from the ids."""
    return np.argsort(noise.drawn(SALT, id_keys(texts)), kind="stable")


def _judged(qrels: Qrels, queries: Ints) -> Qrels:
    """The judgements of `queries` (rows unchanged), and the known passages of queries with the same text."""
    selection = np.concatenate([np.empty(0, dtype=np.int64), *(np.arange(*qrels.indptr[query : query + 2]) for query in queries.tolist())])
    indptr = np.concatenate([[0], np.cumsum(qrels.indptr[queries + 1] - qrels.indptr[queries])]).astype(np.int64)
    extras = None if qrels.extras is None else [qrels.extras[judgement] for judgement in selection.tolist()]
    same = None if qrels.same_questions is None else _same(qrels.same_questions, queries)
    return replace(qrels, indptr=indptr, rows=qrels.rows[selection], grades=qrels.grades[selection], extras=extras, same_questions=same)


def _same(same: SameQuestions, queries: Ints) -> SameQuestions:
    groups, numbers = np.unique(same.group[queries][same.group[queries] >= 0], return_inverse=True)
    group: Rows = np.full(len(queries), -1, dtype=np.int32)
    group[same.group[queries] >= 0] = numbers
    spans = [same.rows[same.indptr[group_id] : same.indptr[group_id + 1]] for group_id in groups.tolist()]
    indptr = np.concatenate([[0], np.cumsum([len(span) for span in spans])]).astype(np.int64)
    return SameQuestions(group, indptr, np.concatenate([np.empty(0, dtype=np.int32), *spans]).astype(np.int32))

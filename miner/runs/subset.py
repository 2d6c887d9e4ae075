"""A small piece of a dataset that can be mined like the whole: some queries, all that is known about them, other passages.

Which ones follows from a hash of their ids, so that a trial of the same data is the same trial.
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
    """At most so many queries, and a corpus of about so many passages, in `folder`; ids, texts and judgements as they were.

    Everything judged for a drawn query comes with it; a query after the first is left out where that would need more than `passages`.
    """
    asked, wanted = _drawn(dataset, queries, passages)
    others = _by_hash(dataset.corpus)
    wanted[others[~wanted[others]][: max(0, passages - int(wanted.sum()))]] = True
    folder.mkdir(parents=True, exist_ok=True)
    rewrite([(dataset.queries.path, asked)], folder / "queries.arrow")
    rewrite([(dataset.corpus.path, wanted)], folder / "corpus.arrow")
    rows = (np.cumsum(wanted) - 1).astype(np.int32)
    qrels = _judged(dataset.qrels, np.flatnonzero(asked)).over(rows)
    small = replace(dataset, queries=Texts(folder / "queries.arrow"), corpus=Texts(folder / "corpus.arrow"), qrels=qrels)
    small.save(folder)
    return small


def _drawn(dataset: Dataset, queries: int, passages: int) -> tuple[Bools, Bools]:
    """Shapes (Q,) and (N,): the drawn queries, and the passages that something is known of for them."""
    asked, wanted = np.zeros(len(dataset.queries), dtype=bool), np.zeros(len(dataset.corpus), dtype=bool)
    for query in _by_hash(dataset.queries)[:queries].tolist():
        judged = dataset.qrels.rows[int(dataset.qrels.indptr[query]) : int(dataset.qrels.indptr[query + 1])]
        told = np.union1d(judged, dataset.qrels.known(query))
        if asked.any() and int(wanted.sum()) + int((~wanted[told]).sum()) > passages:
            continue
        asked[query], wanted[told] = True, True
    return asked, wanted


def _by_hash(texts: Texts) -> Ints:
    """All rows, in an order that has nothing to do with theirs."""
    return np.argsort(noise.drawn(SALT, id_keys(texts)), kind="stable")


def _judged(qrels: Qrels, queries: Ints) -> Qrels:
    """The judgements of some queries (rows as they are), and what is known of the same questions."""
    kept = np.concatenate([np.empty(0, dtype=np.int64), *(np.arange(*qrels.indptr[query : query + 2]) for query in queries.tolist())])
    indptr = np.concatenate([[0], np.cumsum(qrels.indptr[queries + 1] - qrels.indptr[queries])]).astype(np.int64)
    extras = None if qrels.extras is None else [qrels.extras[place] for place in kept.tolist()]
    same = None if qrels.same is None else _same(qrels.same, queries)
    return replace(qrels, indptr=indptr, rows=qrels.rows[kept], grades=qrels.grades[kept], extras=extras, same=same)


def _same(same: SameQuestions, queries: Ints) -> SameQuestions:
    groups, number = np.unique(same.group[queries][same.group[queries] >= 0], return_inverse=True)
    group: Rows = np.full(len(queries), -1, dtype=np.int32)
    group[same.group[queries] >= 0] = number
    spans = [same.rows[same.indptr[one] : same.indptr[one + 1]] for one in groups.tolist()]
    indptr = np.concatenate([[0], np.cumsum([len(span) for span in spans])]).astype(np.int64)
    return SameQuestions(group, indptr, np.concatenate([np.empty(0, dtype=np.int32), *spans]).astype(np.int32))

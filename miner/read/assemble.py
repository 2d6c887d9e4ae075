"""Texts and judgements become a Dataset on disk: queries without a positive are dropped, judgements are merged and sorted.

Imports types, errors and its neighbours only.
"""

from __future__ import annotations

import atexit
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from miner.errors import InputError, StorageError
from miner.io.folder_tree import remove
from miner.io.input_files import InputHashes
from miner.io.scratch import make_scratch, remove_scratch
from miner.read.column_names import Roles
from miner.read.judgements import Missing
from miner.read.rejects import OnError, Rejects
from miner.read.repeated_queries import queries_in_other_splits, same_questions
from miner.read.text_writer import rewrite
from miner.types import KNOWN_FROM, Bools, Dataset, Ints, Lost, Qrels, Rows, Texts

QUERIES, CORPUS = "queries.arrow", "corpus.arrow"
PART_SUFFIX = "reading"
"""Suffix of temporary files while reading; they are removed at the end, and a file that another process has mapped is never written."""


@contextmanager
def work_folder(into: Path | None, on_error: OnError) -> Iterator[tuple[Path, Rejects]]:
    """Yield the folder for the Arrow files, and its rejects. into: None for a temporary folder, removed when Python exits."""
    folder = into or make_scratch()
    if into is None:
        atexit.register(remove_scratch, folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{folder} cannot be made: {error.strerror}") from None
    try:
        with Rejects(folder, on_error) as rejects:
            yield folder, rejects
    finally:
        for partial in [*folder.glob(f"*.{PART_SUFFIX}"), *folder.glob("*.part")]:
            remove(partial)


Judgements = tuple[Ints, Ints, NDArray[np.int8]]
"""Query rows, passage rows and grades, each of shape (J,)."""

NO_JUDGEMENTS: Mapping[str, Judgements] = MappingProxyType({})
NO_ROLES: Roles = MappingProxyType({})


def assemble(
    into: Path,
    queries: Path,
    judgements: Judgements,
    min_grade: int,
    extras: Sequence[str | None] | None = None,
    elsewhere: Mapping[str, Judgements] = NO_JUDGEMENTS,
    lost: Missing | None = None,
) -> Dataset:
    """Build the Dataset of corpus.arrow, the file `queries`, and judgements.

    into: the folder of corpus.arrow.
    queries: Arrow file of all queries.
    judgements: query rows, passage rows and grades, (J,) each.
    min_grade: smallest grade that is relevant.
    extras: the user's columns of each judgement, as JSON.
    elsewhere: judgements of other splits, by file; their positives are known, but not part of the Dataset's judgements.
    lost: judgements of missing texts. Where it is not None, even if empty, every judged query stays, for an evaluation.
    """
    corpus = Texts(into / CORPUS)
    is_used, qrels, reading = settle(Texts(queries), corpus, judgements, min_grade, extras, elsewhere, lost)
    shared_queries = queries_in_other_splits(
        Texts(queries), is_used, {Path(name).name: _relevant(pairs, min_grade) for name, pairs in elsewhere.items()}
    )
    rewrite([(queries, is_used)], into / QUERIES)
    return Dataset(Texts(into / QUERIES), corpus, qrels, reading, asked_in=shared_queries)


def settle(
    queries: Texts,
    corpus: Texts,
    judgements: Judgements,
    min_grade: int,
    extras: Sequence[str | None] | None = None,
    elsewhere: Mapping[str, Judgements] = NO_JUDGEMENTS,
    lost: Missing | None = None,
) -> tuple[Bools, Qrels, dict[str, int]]:
    """Select the queries with a positive, and merge and sort their judgements; write nothing.

    Parameters as for `assemble`. Returns which queries stay (Q,), their judgements, and the counts of the reading.
    """
    count = len(queries)
    is_judged = np.bincount(judgements[0], minlength=count) > 0
    has_positive = np.bincount(judgements[0], weights=judgements[2] >= min_grade, minlength=count) > 0
    if not has_positive.any():
        raise InputError(f"no query has a positive: none of {len(judgements[0])} judgements has a grade of {min_grade} or more")
    is_used = has_positive if lost is None else is_judged | _has_lost_judgement(lost, count)
    positives, other_positives = _relevant(judgements, min_grade), {name: _relevant(pairs, min_grade) for name, pairs in elsewhere.items()}
    same_queries, known_counts = same_questions(queries, is_used, positives, other_positives)
    is_kept = is_used[judgements[0]]
    rows = (np.cumsum(is_used) - 1)[judgements[0][is_kept]]
    extras = None if extras is None else [extras[i] for i in np.flatnonzero(is_kept).tolist()]
    qrels, repeated, contradictory = merge_judgements(
        int(is_used.sum()), rows, judgements[1][is_kept], judgements[2][is_kept], corpus.id_rank, extras
    )
    reading = {
        "queries": int(is_used.sum()),
        "passages": len(corpus),
        "judgements": len(qrels.rows),
        "queries_not_in_split": int((~(is_judged | is_used)).sum()),
        "queries_without_positive": int((is_judged & ~has_positive).sum()),
        "repeated_judgements": repeated,
        "contradictory_judgements": contradictory,
        "queries_asked_elsewhere": int((same_queries.group >= 0).sum()) if same_queries else 0,
        **{f"{KNOWN_FROM}{Path(name).name}": count for name, count in known_counts.items()},
    }
    lost_rows = None if lost is None else _lost(lost, np.cumsum(is_used) - 1)
    return is_used, replace(qrels, min_grade=min_grade, same_questions=same_queries, lost=lost_rows), reading


def _has_lost_judgement(lost: Missing, count: int) -> Bools:
    """Return shape (count,): True for queries with a judgement of a missing passage."""
    rows = [query for query, _ in lost if isinstance(query, int)]
    has_lost: Bools = np.bincount(np.array(rows, dtype=np.int64), minlength=count) > 0
    return has_lost


def _lost(lost: Missing, row_of_query: Ints) -> Lost:
    """Return the lost judgements by query row. row_of_query (count,): the new row of each query."""
    pairs = sorted((int(row_of_query[query]), grade) for (query, _), grade in lost.items() if isinstance(query, int))
    rows, grades = zip(*pairs, strict=True) if pairs else ((), ())
    absent = sorted({query for query, _ in lost if isinstance(query, str)})
    return Lost(np.array(rows, dtype=np.int32), np.array(grades, dtype=np.int8), tuple(absent))


def _relevant(judgements: Judgements, min_grade: int) -> tuple[Ints, Ints]:
    is_relevant = judgements[2] >= min_grade
    return judgements[0][is_relevant], judgements[1][is_relevant]


def finish(dataset: Dataset, into: Path, rejects: Rejects, inputs: InputHashes, columns: Roles = NO_ROLES) -> Dataset:
    """Add the counts, hashes and columns of the reading to the Dataset, and save it."""
    result = replace(dataset, reading={**dataset.reading, "rejected": rejects.count}, inputs=inputs, columns=columns)
    try:
        result.save(into)
    except OSError as error:
        raise StorageError(f"{into} cannot be written: {error}") from None
    return result


def merge_judgements(
    count: int, queries: Ints, passages: Ints, grades: NDArray[np.int8], id_rank: Rows, extras: Sequence[str | None] | None = None
) -> tuple[Qrels, int, int]:
    """Merge and sort judgements (J,) by query, then passage id; of repeated ones the highest grade stays.

    id_rank: the position of each passage (N,) in the order of ids. Also returns how many repeated judgements were removed, and how many of
    these had another grade.
    """
    order = np.lexsort((-grades.astype(np.int16), id_rank[passages], queries))
    is_repeated = (np.diff(queries[order]) == 0) & (np.diff(passages[order]) == 0)
    contradictory = int((is_repeated & (np.diff(grades[order].astype(np.int16)) != 0)).sum())
    order = order[np.concatenate([[True], ~is_repeated])]
    indptr = np.concatenate([[0], np.cumsum(np.bincount(queries[order], minlength=count))]).astype(np.int64)
    merged_extras = None if extras is None else [extras[i] for i in order.tolist()]
    if merged_extras is not None and not any(merged_extras):
        merged_extras = None
    return Qrels(indptr, passages[order].astype(np.int32), grades[order], extras=merged_extras), int(is_repeated.sum()), contradictory

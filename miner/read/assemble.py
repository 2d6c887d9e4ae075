"""Texts and judgements become a Dataset on disk: queries without a positive leave, judgements are merged and put in order.

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
from miner.io.input_files import InputHashes
from miner.io.scratch import make_scratch, remove_scratch
from miner.read.column_names import Roles
from miner.read.judgements import Missing
from miner.read.rejects import OnError, Rejects
from miner.read.repeated_queries import asked_in, same_questions
from miner.read.text_writer import rewrite
from miner.types import KNOWN_FROM, Bools, Dataset, Ints, Lost, Qrels, Rows, Texts

QUERIES, CORPUS = "queries.arrow", "corpus.arrow"
READING = "reading"
"""Suffix of files that are still being read; none is left behind, and no file that somebody else has mapped is written to."""


@contextmanager
def workplace(into: Path | None, on_error: OnError) -> Iterator[tuple[Path, Rejects]]:
    """The folder that gets the Arrow files (a temporary one, gone when the interpreter is, where none is given), and its rejects."""
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
        for half in [*folder.glob(f"*.{READING}"), *folder.glob("*.part")]:
            half.unlink()


Judgements = tuple[Ints, Ints, NDArray[np.int8]]
"""Query rows, passage rows and grades, each of shape (J,)."""

NONE: Mapping[str, Judgements] = MappingProxyType({})
NO_ROLES: Roles = MappingProxyType({})


def assemble(
    into: Path,
    queries: Path,
    judged: Judgements,
    min_grade: int,
    extras: Sequence[str | None] | None = None,
    elsewhere: Mapping[str, Judgements] = NONE,
    lost: Missing | None = None,
) -> Dataset:
    """The Dataset of corpus.arrow, the file `queries`, and judgements as rows of both.

    elsewhere: those of other splits by file, only known of. lost: judgements of texts that are not there; where they are named, even if
    there are none, every judged query stays, as an evaluation wants it.
    """
    corpus = Texts(into / CORPUS)
    useful, qrels, reading = settle(Texts(queries), corpus, judged, min_grade, extras, elsewhere, lost)
    asked = asked_in(Texts(queries), useful, {Path(name).name: _relevant(each, min_grade) for name, each in elsewhere.items()})
    rewrite([(queries, useful)], into / QUERIES)
    return Dataset(Texts(into / QUERIES), corpus, qrels, reading, asked_in=asked)


def settle(
    queries: Texts,
    corpus: Texts,
    judged: Judgements,
    min_grade: int,
    extras: Sequence[str | None] | None = None,
    elsewhere: Mapping[str, Judgements] = NONE,
    lost: Missing | None = None,
) -> tuple[Bools, Qrels, dict[str, int]]:
    """What judgements make of queries and a corpus, whoever read them and wherever they lie; writes nothing.

    Returns which queries stay (Q,), those with a positive, the judgements of those, and the counts of the reading. lost: as for `assemble`.
    """
    count = len(queries)
    seen = np.bincount(judged[0], minlength=count) > 0
    relevant = np.bincount(judged[0], weights=judged[2] >= min_grade, minlength=count) > 0
    if not relevant.any():
        raise InputError(f"no query has a positive: none of {len(judged[0])} judgements has a grade of {min_grade} or more")
    useful = relevant if lost is None else seen | _named(lost, count)
    own, others = _relevant(judged, min_grade), {name: _relevant(each, min_grade) for name, each in elsewhere.items()}
    same, known = same_questions(queries, useful, own, others)
    kept = useful[judged[0]]
    rows = (np.cumsum(useful) - 1)[judged[0][kept]]
    extras = None if extras is None else [extras[i] for i in np.flatnonzero(kept).tolist()]
    qrels, repeated, disputed = ragged(int(useful.sum()), rows, judged[1][kept], judged[2][kept], corpus.id_rank, extras)
    reading = {
        "queries": int(useful.sum()),
        "passages": len(corpus),
        "judgements": len(qrels.rows),
        "queries_not_in_split": int((~(seen | useful)).sum()),
        "queries_without_positive": int((seen & ~relevant).sum()),
        "repeated_judgements": repeated,
        "contradictory_judgements": disputed,
        "queries_asked_elsewhere": int((same.group >= 0).sum()) if same else 0,
        **{f"{KNOWN_FROM}{Path(name).name}": count for name, count in known.items()},
    }
    missing = None if lost is None else _lost(lost, np.cumsum(useful) - 1)
    return useful, replace(qrels, min_grade=min_grade, same=same, lost=missing), reading


def _named(lost: Missing, count: int) -> Bools:
    """Shape (count,): True for queries with a judgement of a passage that is not there."""
    rows = [query for query, _ in lost if isinstance(query, int)]
    named: Bools = np.bincount(np.array(rows, dtype=np.int64), minlength=count) > 0
    return named


def _lost(lost: Missing, place: Ints) -> Lost:
    """What is lost, by row. place (count,): the row that each of the queries has got."""
    told = sorted((int(place[query]), grade) for (query, _), grade in lost.items() if isinstance(query, int))
    rows, grades = zip(*told, strict=True) if told else ((), ())
    absent = sorted({query for query, _ in lost if isinstance(query, str)})
    return Lost(np.array(rows, dtype=np.int32), np.array(grades, dtype=np.int8), tuple(absent))


def _relevant(judged: Judgements, min_grade: int) -> tuple[Ints, Ints]:
    good = judged[2] >= min_grade
    return judged[0][good], judged[1][good]


def finish(dataset: Dataset, into: Path, rejects: Rejects, inputs: InputHashes, columns: Roles = NO_ROLES) -> Dataset:
    """Add what the readers noted, and save."""
    done = replace(dataset, reading={**dataset.reading, "rejected": rejects.count}, inputs=inputs, columns=columns)
    try:
        done.save(into)
    except OSError as error:
        raise StorageError(f"{into} cannot be written: {error}") from None
    return done


def ragged(
    count: int, queries: Ints, passages: Ints, grades: NDArray[np.int8], id_rank: Rows, extras: Sequence[str | None] | None = None
) -> tuple[Qrels, int, int]:
    """Judgements (J,) per query, ascending passage id within one; of repeated ones the highest grade stays.

    id_rank: the place of each passage (N,) by id. Also how many went, and how many of these said another grade.
    """
    order = np.lexsort((-grades.astype(np.int16), id_rank[passages], queries))
    same = (np.diff(queries[order]) == 0) & (np.diff(passages[order]) == 0)
    disputed = int((same & (np.diff(grades[order].astype(np.int16)) != 0)).sum())
    order = order[np.concatenate([[True], ~same])]
    indptr = np.concatenate([[0], np.cumsum(np.bincount(queries[order], minlength=count))]).astype(np.int64)
    chosen = None if extras is None else [extras[i] for i in order.tolist()]
    if chosen is not None and not any(chosen):
        chosen = None
    return Qrels(indptr, passages[order].astype(np.int32), grades[order], extras=chosen), int(same.sum()), disputed

"""What is known to be relevant, ragged."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from miner.types.arrays import Ints, Rows


@dataclass(frozen=True)
class SameQuestions:
    """Queries that ask the same under several ids or in several splits, and all that is relevant to any of them.

    group int32 (Q,), -1 where a query's own positives are all there is; rows of group g, int32: `rows[indptr[g]:indptr[g + 1]]`.
    """

    group: Rows
    indptr: Ints
    rows: Rows


@dataclass(frozen=True)
class Lost:
    """Judgements of texts that are not there: an evaluation counts them, and nothing else does.

    rows int32 (L,): queries whose judged passage is not in the corpus; grades int8 (L,). queries: ids of judged queries that are not
    among the queries.
    """

    rows: Rows
    grades: NDArray[np.int8]
    queries: tuple[str, ...] = ()

    def equals(self, other: Lost) -> bool:
        """Whether both say the same."""
        return self.queries == other.queries and np.array_equal(self.rows, other.rows) and np.array_equal(self.grades, other.grades)


@dataclass(frozen=True)
class Qrels:
    """What is known to be relevant, ragged: judgements of query q are `rows[indptr[q]:indptr[q + 1]]`.

    indptr int64 (Q+1,); rows int32 (J,): corpus rows, ascending id within a query; grades int8 (J,): below
    `min_grade` means judged non-relevant.
    extras: one JSON object per judgement, or None: the other columns of the user's pair.
    same_questions: what is known of the same questions elsewhere; never exported with a query, never its reference, and never its negative.
    lost: judgements of texts that are not there, where the data was read to be evaluated on.
    """

    indptr: Ints
    rows: Rows
    grades: NDArray[np.int8]
    min_grade: int = 1
    extras: list[str | None] | None = None
    same_questions: SameQuestions | None = None
    lost: Lost | None = None

    def positives(self, query: int) -> Rows:
        """Corpus rows that are relevant to `query`."""
        span = slice(int(self.indptr[query]), int(self.indptr[query + 1]))
        rows: Rows = self.rows[span][self.grades[span] >= self.min_grade]
        return rows

    def relevant(self, query: int) -> Rows:
        """Corpus rows that are relevant to what `query` asks, whichever id or split said so: its positives are among them."""
        if self.same_questions is None or self.same_questions.group[query] < 0:
            return self.positives(query)
        group = int(self.same_questions.group[query])
        return self.same_questions.rows[int(self.same_questions.indptr[group]) : int(self.same_questions.indptr[group + 1])]

    def equals(self, other: Qrels) -> bool:
        """Whether both say the same of the same rows."""
        arrays = [(getattr(self, name), getattr(other, name)) for name in ("indptr", "rows", "grades")]
        questions = (
            [(self.same_questions, other.same_questions)] if self.same_questions is not None and other.same_questions is not None else []
        )
        arrays += [(getattr(a, name), getattr(b, name)) for a, b in questions for name in ("group", "indptr", "rows")]
        plain = [(qrels.min_grade, qrels.extras, qrels.same_questions is None, qrels.lost is None) for qrels in (self, other)]
        lost = self.lost is None or other.lost is None or self.lost.equals(other.lost)
        return plain[0] == plain[1] and lost and all(np.array_equal(a, b) for a, b in arrays)

    def over(self, rows: Rows) -> Qrels:
        """The same judgements in another corpus, where passage p has row `rows[p]`."""
        questions = None if self.same_questions is None else replace(self.same_questions, rows=rows[self.same_questions.rows])
        return replace(self, rows=rows[self.rows], same_questions=questions)

"""What an evaluation is taken over: queries and judgements that count, those that count as nothing found, and the rule by name.

The rule is trec_eval's with -c: the mean is over every query that has a judgement. A query without a relevant passage, and one that is
not among the queries, counts as 0; a relevant passage that is not in the corpus stays in the ideal. Self-matches are BEIR's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from miner.evaluation.ranking import SelfMatch, self_matches
from miner.types import Dataset, Ints

SELF = {
    "id": "a passage with the query's id is left out of its ranking (BEIR) unless it is judged relevant",
    "text": "passages with the query's text are left out of its ranking unless they are judged relevant",
    "keep": "a passage with the query's id stays in its ranking",
}


@dataclass(frozen=True)
class Counts:
    """How much of everything.

    queries: what a mean is over. queries_without_positive, queries_missing (judged, not among the queries): count as 0.
    positives_missing: judged relevant, not in the corpus, of so many queries; they count in the ideal. grades_below: positive grades below
    min_grade. queries_unjudged, queries_left_out (by a reader that reads for mining): not in the mean. rows_rejected: skipped rows.
    self_matches_removed, self_matches_judged: queries that have such a passage.
    """

    queries: int
    passages: int
    judgements: int
    min_grade: int
    grades_below: int
    queries_without_positive: int
    queries_missing: int
    queries_missing_positives: int
    positives_missing: int
    queries_unjudged: int
    queries_left_out: int
    rows_rejected: int
    self_match: SelfMatch
    self_matches_removed: int
    self_matches_judged: int

    @property
    def rule(self) -> str:
        """The rule in one sentence."""
        relevant = f"a grade of {self.min_grade} or more is relevant"
        return f"means over all {self.queries:,} judged queries, as trec_eval -c; {relevant}; {SELF[self.self_match]}"

    def notes(self) -> Iterator[str]:
        """One sentence for everything that is not as the files say it."""
        own = "text" if self.self_match == "text" else "id"
        found = {
            f"queries without a judgement of grade {self.min_grade} or more, which count as 0": self.queries_without_positive,
            "judged queries that are not among the queries, which count as 0": self.queries_missing,
            f"relevant passages that are not in the corpus, of {self.queries_missing_positives:,} queries; they count as not found": (
                self.positives_missing
            ),
            f"judgements with a grade from 1 to {self.min_grade - 1}, not relevant here": self.grades_below,
            "queries without a judgement, not measured": self.queries_unjudged,
            "queries without a positive that were left out when the data was read, not measured": self.queries_left_out,
            "rows that were skipped (errors.jsonl)": self.rows_rejected,
            f"queries whose ranking leaves out a passage with their {own}": self.self_matches_removed,
            f"queries that have a passage with their {own} which stays, as it is judged relevant": self.self_matches_judged,
        }
        return (f"{sentence}: {count:,}" for sentence, count in found.items() if count)

    def describe(self) -> dict[str, Any]:
        """JSON-safe, with the rule and the notes."""
        return {**asdict(self), "rule": self.rule, "notes": list(self.notes())}


def count(dataset: Dataset, self_match: SelfMatch) -> Counts:
    """Count a dataset; one that was read for mining knows nothing of what was lost."""
    qrels, lost, reading = dataset.qrels, dataset.qrels.lost, dataset.reading
    owner = np.repeat(np.arange(len(dataset.queries)), np.diff(qrels.indptr))
    gone: Ints = np.empty(0, np.int64) if lost is None else lost.rows[lost.grades >= qrels.min_grade].astype(np.int64)
    positives = np.bincount(np.concatenate([owner[qrels.grades >= qrels.min_grade], gone]), minlength=len(dataset.queries))
    own, missing = self_matches(dataset, self_match), len(lost.queries) if lost else 0
    return Counts(
        queries=len(dataset.queries) + missing,
        passages=len(dataset.corpus),
        judgements=len(qrels.rows),
        min_grade=qrels.min_grade,
        grades_below=int(((qrels.grades > 0) & (qrels.grades < qrels.min_grade)).sum()),
        queries_without_positive=int((positives == 0).sum()),
        queries_missing=missing,
        queries_missing_positives=len(np.unique(gone)),
        positives_missing=len(gone),
        queries_unjudged=reading.get("queries_not_in_split", 0),
        queries_left_out=reading.get("queries_without_positive", 0) if lost is None else 0,
        rows_rejected=reading.get("rejected", 0),
        self_match=self_match,
        self_matches_removed=len(own.rows),
        self_matches_judged=own.judged,
    )

"""Counts the queries and judgements of an evaluation, and states its rule.

The rule is that of trec_eval -c: means are over all queries with a judgement. A query without a relevant passage, and a judged query
without a text, counts as 0; a relevant passage that is not in the corpus stays in the ideal ranking. Self-matches are handled as in BEIR.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from miner.evaluation.ranking import SelfMatch, self_matches
from miner.types import Dataset, Ints

SELF_MATCH_RULES = {
    "id": "a passage with the query's id is left out of its ranking (BEIR) unless it is judged relevant",
    "text": "passages with the query's text are left out of its ranking unless they are judged relevant",
    "keep": "a passage with the query's id stays in its ranking",
}


class CountsSummary(TypedDict):
    """`EvaluationCounts` as JSON. rule: the rule in one sentence; notes: what differs from the files."""

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
    rule: str
    notes: list[str]


@dataclass(frozen=True)
class EvaluationCounts:
    """Numbers of queries and judgements.

    queries: the queries that means are over.
    queries_without_positive, queries_missing: of these, queries without a relevant passage, and judged queries without a text; 0 each.
    positives_missing, queries_missing_positives: relevant passages that are not in the corpus, and their queries; they count in the ideal.
    grades_below: positive grades below min_grade.
    queries_unjudged, queries_left_out: not in the means; the latter were left out by a reader for mining.
    rows_rejected: rows that were skipped.
    self_matches_removed, self_matches_judged: queries whose self-match was removed, or kept since it is judged relevant.
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
        return f"means over all {self.queries:,} judged queries, as trec_eval -c; {relevant}; {SELF_MATCH_RULES[self.self_match]}"

    def notes(self) -> Iterator[str]:
        """One sentence for each number that differs from the files."""
        match_field = "text" if self.self_match == "text" else "id"
        counts = {
            f"queries without a judgement of grade {self.min_grade} or more, which count as 0": self.queries_without_positive,
            "judged queries that are not among the queries, which count as 0": self.queries_missing,
            f"relevant passages that are not in the corpus, of {self.queries_missing_positives:,} queries; they count as not found": (
                self.positives_missing
            ),
            f"judgements with a grade from 1 to {self.min_grade - 1}, not relevant here": self.grades_below,
            "queries without a judgement, not measured": self.queries_unjudged,
            "queries without a positive that were left out when the data was read, not measured": self.queries_left_out,
            "rows that were skipped (errors.jsonl)": self.rows_rejected,
            f"queries whose ranking leaves out a passage with their {match_field}": self.self_matches_removed,
            f"queries that have a passage with their {match_field} which stays, as it is judged relevant": self.self_matches_judged,
        }
        return (f"{sentence}: {count:,}" for sentence, count in counts.items() if count)

    def describe(self) -> CountsSummary:
        """JSON-safe, with the rule and the notes."""
        return {
            "queries": self.queries,
            "passages": self.passages,
            "judgements": self.judgements,
            "min_grade": self.min_grade,
            "grades_below": self.grades_below,
            "queries_without_positive": self.queries_without_positive,
            "queries_missing": self.queries_missing,
            "queries_missing_positives": self.queries_missing_positives,
            "positives_missing": self.positives_missing,
            "queries_unjudged": self.queries_unjudged,
            "queries_left_out": self.queries_left_out,
            "rows_rejected": self.rows_rejected,
            "self_match": self.self_match,
            "self_matches_removed": self.self_matches_removed,
            "self_matches_judged": self.self_matches_judged,
            "rule": self.rule,
            "notes": list(self.notes()),
        }


def count(dataset: Dataset, self_match: SelfMatch) -> EvaluationCounts:
    """Count the queries and judgements of a dataset; a dataset read for mining does not record missing queries and passages."""
    qrels, lost, reading = dataset.qrels, dataset.qrels.lost, dataset.reading
    owner = np.repeat(np.arange(len(dataset.queries)), np.diff(qrels.indptr))
    missing_positives: Ints = np.empty(0, np.int64) if lost is None else lost.rows[lost.grades >= qrels.min_grade].astype(np.int64)
    positives = np.bincount(np.concatenate([owner[qrels.grades >= qrels.min_grade], missing_positives]), minlength=len(dataset.queries))
    matches, missing = self_matches(dataset, self_match), len(lost.queries) if lost else 0
    return EvaluationCounts(
        queries=len(dataset.queries) + missing,
        passages=len(dataset.corpus),
        judgements=len(qrels.rows),
        min_grade=qrels.min_grade,
        grades_below=int(((qrels.grades > 0) & (qrels.grades < qrels.min_grade)).sum()),
        queries_without_positive=int((positives == 0).sum()),
        queries_missing=missing,
        queries_missing_positives=len(np.unique(missing_positives)),
        positives_missing=len(missing_positives),
        queries_unjudged=reading.get("queries_not_in_split", 0),
        queries_left_out=reading.get("queries_without_positive", 0) if lost is None else 0,
        rows_rejected=reading.get("rejected", 0),
        self_match=self_match,
        self_matches_removed=len(matches.rows),
        self_matches_judged=matches.judged,
    )

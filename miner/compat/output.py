"""The four output formats, as columns of Python lists, and the scores for the printed statistics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from miner.compat.arguments import Arguments
from miner.compat.choose import MinedNegatives
from miner.compat.distinct_texts import DistinctTexts
from miner.types import Bools, Ints


@dataclass(frozen=True)
class OutputTable:
    """The output.

    columns: texts, labels and scores by column.
    pairs: (S,), the (query, positive) of each negative.
    scores: (S,), of each negative.
    possible: number of rows if no negative were missing.
    """

    columns: dict[str, list[Any]]
    pairs: Ints
    scores: Any
    possible: int


@dataclass(frozen=True)
class _Spread:
    """The negatives, repeated for every (query, positive). rows, scores: (P, M); has_negative: (P, M), False for padding."""

    texts: DistinctTexts
    arguments: Arguments
    mined: MinedNegatives
    rows: Ints
    scores: Any
    has_negative: Bools

    @classmethod
    def of(cls, texts: DistinctTexts, arguments: Arguments, mined: MinedNegatives) -> _Spread:
        rows = mined.rows[texts.owners]
        return cls(texts, arguments, mined, rows, mined.scores[texts.owners], rows >= 0)

    def anchors(self, pairs: Ints) -> list[str]:
        """Return the text of the query of each pair."""
        return [self.texts.queries[query] for query in self.texts.owners[pairs].tolist()]

    def passages(self, rows: Ints) -> list[str]:
        """Return the text of each row of the corpus."""
        return [self.texts.corpus[row] for row in rows.tolist()]

    def positive_scores(self, pairs: Ints) -> list[float]:
        """Return the positive's score of each pair."""
        scores: list[float] = self.mined.positive_scores[pairs].tolist()
        return scores

    def with_scores(self, columns: dict[str, list[Any]], pairs: Ints, scores: list[list[float]]) -> dict[str, list[Any]]:
        """Add the column `scores`: the positive's, then the negatives'."""
        return columns | {
            "scores": [
                [positive_score, *negative_scores]
                for positive_score, negative_scores in zip(self.positive_scores(pairs), scores, strict=True)
            ]
        }


def triplet(spread: _Spread) -> OutputTable:
    """Build a row for every query, positive and negative."""
    names, (pairs, places) = spread.arguments, np.nonzero(spread.has_negative)
    positives = spread.passages(spread.texts.positive_rows[pairs])
    negatives, scores = spread.passages(spread.rows[pairs, places]), spread.scores[pairs, places]
    columns: dict[str, list[Any]] = {names.anchor: spread.anchors(pairs), names.positive: positives, "negative": negatives}
    if names.output_scores:
        columns = spread.with_scores(columns, pairs, scores[:, None].tolist())
    return OutputTable(columns, pairs, scores, spread.has_negative.size)


def n_tuple(spread: _Spread) -> OutputTable:
    """Build a row for every query and positive with all its negatives."""
    names, pairs = spread.arguments, np.flatnonzero(spread.has_negative.all(axis=1))
    scores = spread.scores[pairs]
    positives = spread.passages(spread.texts.positive_rows[pairs])
    columns: dict[str, list[Any]] = {names.anchor: spread.anchors(pairs), names.positive: positives}
    columns |= {f"negative_{place}": spread.passages(rows) for place, rows in enumerate(spread.rows[pairs].T, 1)}
    if names.output_scores:
        columns = spread.with_scores(columns, pairs, scores.tolist())
    return OutputTable(columns, np.repeat(pairs, names.negatives), scores.ravel(), len(spread.has_negative))


def labeled_list(spread: _Spread) -> OutputTable:
    """Build a row for every query and positive with at least one negative."""
    names, pairs = spread.arguments, np.flatnonzero(spread.has_negative.any(axis=1))
    negatives = [(spread.rows[pair, spread.has_negative[pair]], spread.scores[pair, spread.has_negative[pair]]) for pair in pairs.tolist()]
    positives = spread.passages(spread.texts.positive_rows[pairs])
    lists = [[positive, *spread.passages(rows)] for positive, (rows, _) in zip(positives, negatives, strict=True)]
    columns: dict[str, list[Any]] = {names.anchor: spread.anchors(pairs), names.positive: lists}
    if names.output_scores:
        columns = spread.with_scores(columns, pairs, [scores.tolist() for _, scores in negatives])
    else:
        columns["labels"] = [[1] + [0] * len(rows) for rows, _ in negatives]
    return OutputTable(columns, np.nonzero(spread.has_negative)[0], spread.scores[spread.has_negative], len(spread.has_negative))


def labeled_pair(spread: _Spread) -> OutputTable:
    """Build rows for every query: its positives, then its negatives; also for queries without a negative."""
    texts, mined, names = spread.texts, spread.mined, spread.arguments
    positive_scores, starts = spread.positive_scores(np.arange(len(texts.owners))), texts.starts.tolist()
    queries, rows, labels, scores = list[str](), list[int](), list[int](), list[float]()
    for query, text in enumerate(texts.queries):
        is_present = mined.rows[query] >= 0
        positives, negatives = texts.positives[query], mined.rows[query][is_present].tolist()
        queries += [text] * (len(positives) + len(negatives))
        rows += positives + negatives
        labels += [1] * len(positives) + [0] * len(negatives)
        scores += positive_scores[starts[query] : starts[query + 1]] + mined.scores[query][is_present].tolist()
    passages = [texts.corpus[row] for row in rows]
    columns: dict[str, list[Any]] = {names.anchor: queries, names.positive: passages}
    columns |= {"score": scores} if names.output_scores else {"label": labels}
    return OutputTable(columns, np.nonzero(spread.has_negative)[0], spread.scores[spread.has_negative], mined.rows.size + texts.rows)


TABLES: dict[str, Callable[[_Spread], OutputTable]] = {
    "triplet": triplet,
    "n-tuple": n_tuple,
    "labeled-pair": labeled_pair,
    "labeled-list": labeled_list,
}


def table(texts: DistinctTexts, arguments: Arguments, mined: MinedNegatives) -> OutputTable:
    """Return the negatives in the output format of the arguments."""
    return TABLES[arguments.output_format](_Spread.of(texts, arguments, mined))

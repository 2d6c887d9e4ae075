"""The four shapes of the output, as columns of Python lists, and what the printed statistics need of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from miner.compat.arguments import Asked
from miner.compat.choose import Mined
from miner.compat.distinct_texts import Pairs
from miner.types import Bools, Ints


@dataclass(frozen=True)
class Table:
    """columns: of the output. scores (S,): of its negatives. pairs (S,): the (query, positive) behind each. possible: rows, at most."""

    columns: dict[str, list[Any]]
    pairs: Ints
    scores: Any
    possible: int


@dataclass(frozen=True)
class _Spread:
    """What was mined, once for every (query, positive): rows and scores (P, M); found: where there is a negative."""

    texts: Pairs
    asked: Asked
    mined: Mined
    rows: Ints
    scores: Any
    found: Bools

    @classmethod
    def of(cls, texts: Pairs, asked: Asked, mined: Mined) -> _Spread:
        rows = mined.rows[texts.owners]
        return cls(texts, asked, mined, rows, mined.scores[texts.owners], rows >= 0)

    def anchors(self, pairs: Ints) -> list[str]:
        """Text of the query of each pair."""
        return [self.texts.queries[query] for query in self.texts.owners[pairs].tolist()]

    def passages(self, rows: Ints) -> list[str]:
        """Text of each row of the corpus."""
        return [self.texts.corpus[row] for row in rows.tolist()]

    def known(self, pairs: Ints) -> list[float]:
        """The positive's score of each pair."""
        scores: list[float] = self.mined.known[pairs].tolist()
        return scores

    def with_scores(self, columns: dict[str, list[Any]], pairs: Ints, scores: list[list[float]]) -> dict[str, list[Any]]:
        """The columns, and `scores` = the positive's, then the negatives'."""
        return columns | {"scores": [[own, *others] for own, others in zip(self.known(pairs), scores, strict=True)]}


def triplet(spread: _Spread) -> Table:
    """A row for every query, positive and negative."""
    names, (pairs, places) = spread.asked, np.nonzero(spread.found)
    positives = spread.passages(spread.texts.positive_rows[pairs])
    negatives, scores = spread.passages(spread.rows[pairs, places]), spread.scores[pairs, places]
    columns: dict[str, list[Any]] = {names.anchor: spread.anchors(pairs), names.positive: positives, "negative": negatives}
    if names.output_scores:
        columns = spread.with_scores(columns, pairs, scores[:, None].tolist())
    return Table(columns, pairs, scores, spread.found.size)


def n_tuple(spread: _Spread) -> Table:
    """A row for every query and positive that has all its negatives."""
    names, pairs = spread.asked, np.flatnonzero(spread.found.all(axis=1))
    scores = spread.scores[pairs]
    positives = spread.passages(spread.texts.positive_rows[pairs])
    columns: dict[str, list[Any]] = {names.anchor: spread.anchors(pairs), names.positive: positives}
    columns |= {f"negative_{place}": spread.passages(rows) for place, rows in enumerate(spread.rows[pairs].T, 1)}
    if names.output_scores:
        columns = spread.with_scores(columns, pairs, scores.tolist())
    return Table(columns, np.repeat(pairs, names.negatives), scores.ravel(), len(spread.found))


def labeled_list(spread: _Spread) -> Table:
    """A row for every query and positive that has a negative."""
    names, pairs = spread.asked, np.flatnonzero(spread.found.any(axis=1))
    found = [(spread.rows[pair, spread.found[pair]], spread.scores[pair, spread.found[pair]]) for pair in pairs.tolist()]
    positives = spread.passages(spread.texts.positive_rows[pairs])
    lists = [[positive, *spread.passages(rows)] for positive, (rows, _) in zip(positives, found, strict=True)]
    columns: dict[str, list[Any]] = {names.anchor: spread.anchors(pairs), names.positive: lists}
    if names.output_scores:
        columns = spread.with_scores(columns, pairs, [scores.tolist() for _, scores in found])
    else:
        columns["labels"] = [[1] + [0] * len(rows) for rows, _ in found]
    return Table(columns, np.nonzero(spread.found)[0], spread.scores[spread.found], len(spread.found))


def labeled_pair(spread: _Spread) -> Table:
    """For every query its positives, then its negatives; positives even where no negative was found."""
    texts, mined, names = spread.texts, spread.mined, spread.asked
    known, starts = spread.known(np.arange(len(texts.owners))), texts.starts.tolist()
    queries, rows, labels, scores = list[str](), list[int](), list[int](), list[float]()
    for query, text in enumerate(texts.queries):
        there = mined.rows[query] >= 0
        own, others = texts.positives[query], mined.rows[query][there].tolist()
        queries += [text] * (len(own) + len(others))
        rows += own + others
        labels += [1] * len(own) + [0] * len(others)
        scores += known[starts[query] : starts[query + 1]] + mined.scores[query][there].tolist()
    passages = [texts.corpus[row] for row in rows]
    columns: dict[str, list[Any]] = {names.anchor: queries, names.positive: passages}
    columns |= {"score": scores} if names.output_scores else {"label": labels}
    return Table(columns, np.nonzero(spread.found)[0], spread.scores[spread.found], mined.rows.size + texts.rows)


TABLES: dict[str, Callable[[_Spread], Table]] = {
    "triplet": triplet,
    "n-tuple": n_tuple,
    "labeled-pair": labeled_pair,
    "labeled-list": labeled_list,
}


def table(texts: Pairs, asked: Asked, mined: Mined) -> Table:
    """What was mined, in the shape that was asked for."""
    return TABLES[asked.output_format](_Spread.of(texts, asked, mined))

"""Training rows as columns: one row for each (query, positive), equally many negatives in every row, labels where the loss needs them.

A trainer's batch is rectangular and files are not: a row with too few negatives repeats them, a row without any borrows positives of
other queries. Both are counted and reported; no row is lost.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypedDict

import numpy as np

from miner.errors import InputError
from miner.formats import TrainingRow
from miner.support.noise import generator
from miner.types import Dataset

BLOCK_ROWS = 4096


class RowCounts(TypedDict, total=False):
    """Training rows by what was read, repeated or borrowed. negatives: the number in every row."""

    rows_read: int
    rows: int
    negatives: int
    rows_without_positive: int
    rows_that_repeat_negatives: int
    rows_with_borrowed_negatives: int


@dataclass(frozen=True)
class TrainingColumns:
    """Texts by column, of the same length: anchor, positive, negative_1 … negative_n; `label` where the loss needs one.

    counts: rows by what was read, repeated or borrowed.
    reserve: {(anchor, positive): the row's negatives beyond those in the columns}.
    """

    columns: Mapping[str, list[Any]]
    counts: RowCounts = field(default_factory=RowCounts)
    reserve: Mapping[tuple[str, str], Sequence[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.columns["anchor"])

    @property
    def negatives(self) -> list[str]:
        """Names of the negatives' columns, in order."""
        return [name for name in self.columns if name.startswith("negative_")]

    @property
    def sha256(self) -> str:
        """Hash of every cell, in order."""
        digest = hashlib.sha256()
        for name, values in self.columns.items():
            digest.update(f"\0\0{name}".encode())
            for value in values:
                digest.update(f"\0{value}".encode())
        return digest.hexdigest()


def columns(
    rows: Iterable[TrainingRow], use: int | None = None, labels: Literal["none", "margins", "scores"] = "none", seed: int = 0
) -> TrainingColumns:
    """Build the columns of a file's rows.

    rows: rows of a training file.
    use: negatives per row (default: as many as the longest row has).
    labels: the content of the column `label`: nothing, margins, or the scores of all passages.
    seed: of the borrowed negatives.
    Raises InputError when no row has a positive, or when `labels` needs scores and a row has none.
    """
    file_rows = [_LabeledRow.of(row, labels != "none") for row in rows]
    unique_rows = _merge(file_rows)
    flat = [(row, position) for row in unique_rows for position in range(len(row.positives))]
    if not flat:
        raise InputError(f"there is nothing to train on: none of {len(unique_rows)} rows has a positive")
    width = max(len(row.negatives) for row in unique_rows) if use is None else use
    counts: RowCounts = {"rows_read": len(file_rows), "rows": len(flat), "negatives": width}
    counts["rows_without_positive"] = sum(not row.positives for row in unique_rows)
    short = [row for row, _ in flat if len(row.negatives) < width]
    counts["rows_that_repeat_negatives"] = sum(bool(row.negatives) for row in short)
    counts["rows_with_borrowed_negatives"] = sum(not row.negatives for row in short)
    if counts["rows_with_borrowed_negatives"] and labels != "none":
        raise InputError(f"{counts['rows_with_borrowed_negatives']} rows have no negative, and a borrowed one has no score to learn from")
    filled = [row.pad(width, unique_rows, seed) for row, _ in flat]
    table: dict[str, list[Any]] = {
        "anchor": [row.query for row, _ in flat],
        "positive": [row.positives[position] for row, position in flat],
        **{f"negative_{i + 1}": [negatives[i][0] for negatives in filled] for i in range(width)},
    }
    if labels != "none":
        all_scores = [
            [row.positive_scores[position], *(score for _, score in negatives)]
            for (row, position), negatives in zip(flat, filled, strict=True)
        ]
        table["label"] = (
            [[negatives[0] - score for score in negatives[1:]] for negatives in all_scores] if labels == "margins" else all_scores
        )
    reserve = {(row.query, row.positives[position]): row.negatives[width:] for row, position in flat if len(row.negatives) > width}
    return TrainingColumns(table, counts, reserve)


def _merge(rows: Sequence[_LabeledRow]) -> list[_LabeledRow]:
    """Merge the rows of one query and its positives: a query spread over many rows would be repeated within a batch."""
    merged: dict[tuple[str, ...], _LabeledRow] = {}
    for row in rows:
        key = (row.query, *row.positives)
        previous = merged.get(key)
        if previous is None:
            merged[key] = row
            continue
        new = [position for position, text in enumerate(row.negatives) if text not in previous.negatives]
        merged[key] = replace(
            previous,
            negatives=[*previous.negatives, *(row.negatives[position] for position in new)],
            negative_scores=[*previous.negative_scores, *(row.negative_scores[position] for position in new)],
        )
    return list(merged.values())


def pairs(dataset: Dataset) -> Iterator[TrainingRow]:
    """Yield a row for every query with all its positives and no negative, for training with in-batch negatives alone."""
    for start in range(0, len(dataset.queries), BLOCK_ROWS):
        block = np.arange(start, min(start + BLOCK_ROWS, len(dataset.queries)))
        for query, text, name in zip(block.tolist(), dataset.queries.texts(block), dataset.queries.ids(block), strict=True):
            texts = tuple(dataset.corpus.texts(dataset.qrels.positives(query)))
            yield TrainingRow(text, texts, (1,) * len(texts), name)


@dataclass(frozen=True)
class _LabeledRow:
    """A row with its passages split by label, and their scores where they are needed."""

    query: str
    positives: Sequence[str]
    negatives: Sequence[str]
    positive_scores: Sequence[float]
    negative_scores: Sequence[float]

    @classmethod
    def of(cls, row: TrainingRow, scored: bool) -> _LabeledRow:
        scores = row.scores if row.scores else (None,) * len(row.passages)
        if scored and any(score is None for score in scores):
            raise InputError("this loss learns from scores, and a row has none; mine with --column scores, or score the file", row.where)
        passages = [(text, label, float(score or 0)) for text, label, score in zip(row.passages, row.labels, scores, strict=True)]
        positives, negatives = ([(text, score) for text, label, score in passages if label == target] for target in (1, 0))
        return cls(row.query, [t for t, _ in positives], [t for t, _ in negatives], [s for _, s in positives], [s for _, s in negatives])

    def pad(self, width: int, rows: Sequence[_LabeledRow], seed: int) -> list[tuple[str, float]]:
        """Return `width` (negative, score) pairs: repeated where the row has too few, borrowed where it has none."""
        negatives = list(zip(self.negatives, self.negative_scores, strict=True))[:width]
        if negatives:
            return [negatives[i % len(negatives)] for i in range(width)]
        return [(text, 0.0) for text in self._borrow(width, rows, seed)]

    def _borrow(self, width: int, rows: Sequence[_LabeledRow], seed: int) -> list[str]:
        draw, texts = generator(seed, "borrowed", self.query), list[str]()
        for _ in range(20 * width):
            if len(texts) == width:
                break
            row = rows[int(draw.integers(len(rows)))]
            if row.positives and not set(row.positives) & {*self.positives, *texts}:
                texts.append(row.positives[0])
        if len(texts) < width:
            raise InputError(f"query '{self.query[:60]}' has no negative, and the file is too small to borrow {width} from other queries")
        return texts

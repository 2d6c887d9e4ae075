"""Training rows as columns: one row for each (query, positive), as many negatives in every row, labels where the loss needs scores.

A trainer's batch is rectangular and files are not: a row with too few negatives repeats its own, a row with none borrows positives of
other queries. Both are counted and told; no row vanishes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from miner.errors import InputError
from miner.formats import TrainingRow
from miner.support.noise import generator
from miner.types import Dataset

BLOCK = 4096


@dataclass(frozen=True)
class Columns:
    """Texts by column, all of one length: anchor, positive, negative_1 … negative_n; `label` where the loss wants one.

    counts: what was read and mended, by name. reserve: {(anchor, positive): the row's negatives beyond those in the columns}.
    """

    columns: Mapping[str, list[Any]]
    counts: Mapping[str, int] = field(default_factory=dict)
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
) -> Columns:
    """The columns of a file's rows. use: negatives per row (default: as many as the longest row has).

    InputError when there is no row with a positive, or `labels` asks for scores and a row has none.
    """
    read = [_Told.of(row, labels != "none") for row in rows]
    told = _merged(read)
    flat = [(row, place) for row in told for place in range(len(row.positives))]
    if not flat:
        raise InputError(f"there is nothing to train on: none of {len(told)} rows has a positive")
    width = max(len(row.negatives) for row in told) if use is None else use
    counts = {"rows_read": len(read), "rows": len(flat), "negatives": width}
    counts["rows_without_positive"] = sum(not row.positives for row in told)
    short = [row for row, _ in flat if len(row.negatives) < width]
    counts["rows_that_repeat_negatives"] = sum(bool(row.negatives) for row in short)
    counts["rows_with_borrowed_negatives"] = sum(not row.negatives for row in short)
    if counts["rows_with_borrowed_negatives"] and labels != "none":
        raise InputError(f"{counts['rows_with_borrowed_negatives']} rows have no negative, and a borrowed one has no score to learn from")
    filled = [row.filled(width, told, seed) for row, _ in flat]
    made: dict[str, list[Any]] = {
        "anchor": [row.query for row, _ in flat],
        "positive": [row.positives[place] for row, place in flat],
        **{f"negative_{i + 1}": [each[i][0] for each in filled] for i in range(width)},
    }
    if labels != "none":
        every = [[row.positive_scores[place], *(score for _, score in each)] for (row, place), each in zip(flat, filled, strict=True)]
        made["label"] = [[each[0] - score for score in each[1:]] for each in every] if labels == "margins" else every
    reserve = {(row.query, row.positives[place]): row.negatives[width:] for row, place in flat if len(row.negatives) > width}
    return Columns(made, counts, reserve)


def _merged(rows: Sequence[_Told]) -> list[_Told]:
    """Triplets of one query and positive as one row: a query spread over many rows would meet itself in every batch."""
    merged: dict[tuple[str, ...], _Told] = {}
    for row in rows:
        key = (row.query, *row.positives)
        known = merged.get(key)
        if known is None:
            merged[key] = row
            continue
        new = [place for place, text in enumerate(row.negatives) if text not in known.negatives]
        merged[key] = replace(
            known,
            negatives=[*known.negatives, *(row.negatives[place] for place in new)],
            negative_scores=[*known.negative_scores, *(row.negative_scores[place] for place in new)],
        )
    return list(merged.values())


def pairs(dataset: Dataset) -> Iterator[TrainingRow]:
    """A row for every query with all its positives and no negative: training with in-batch negatives alone."""
    for start in range(0, len(dataset.queries), BLOCK):
        block = np.arange(start, min(start + BLOCK, len(dataset.queries)))
        for query, text, name in zip(block.tolist(), dataset.queries.texts(block), dataset.queries.ids(block), strict=True):
            texts = tuple(dataset.corpus.texts(dataset.qrels.positives(query)))
            yield TrainingRow(text, texts, (1,) * len(texts), name)


@dataclass(frozen=True)
class _Told:
    """A row, its passages apart, with their scores where they are needed."""

    query: str
    positives: Sequence[str]
    negatives: Sequence[str]
    positive_scores: Sequence[float]
    negative_scores: Sequence[float]

    @classmethod
    def of(cls, row: TrainingRow, scored: bool) -> _Told:
        scores = row.scores if row.scores else (None,) * len(row.passages)
        if scored and any(score is None for score in scores):
            raise InputError("this loss learns from scores, and a row has none; mine with --column scores, or score the file", row.where)
        known = [(text, label, float(score or 0)) for text, label, score in zip(row.passages, row.labels, scores, strict=True)]
        good, bad = ([(text, score) for text, label, score in known if label == wanted] for wanted in (1, 0))
        return cls(row.query, [t for t, _ in good], [t for t, _ in bad], [s for _, s in good], [s for _, s in bad])

    def filled(self, width: int, rows: Sequence[_Told], seed: int) -> list[tuple[str, float]]:
        """`width` negatives: its own, repeated where there are too few, borrowed where there are none."""
        own = list(zip(self.negatives, self.negative_scores, strict=True))[:width]
        if own:
            return [own[i % len(own)] for i in range(width)]
        return [(text, 0.0) for text in self._borrowed(width, rows, seed)]

    def _borrowed(self, width: int, rows: Sequence[_Told], seed: int) -> list[str]:
        draw, found = generator(seed, "borrowed", self.query), list[str]()
        for _ in range(20 * width):
            if len(found) == width:
                break
            other = rows[int(draw.integers(len(rows)))]
            if other.positives and not set(other.positives) & {*self.positives, *found}:
                found.append(other.positives[0])
        if len(found) < width:
            raise InputError(f"query '{self.query[:60]}' has no negative, and the file is too small to borrow {width} from other queries")
        return found

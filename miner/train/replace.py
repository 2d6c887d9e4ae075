"""Replacement of easy negatives during training (Conan-embedding, arXiv 2408.15710).

S0 is the first score of a negative. Every `every` batches the batch is scored again; where

    S0 - S > drop × |S0|   and   S < score

the negative has become easy, and the row's next negative in reserve replaces it. (For positive scores this is the paper's 1.15 S < S0; for
negative scores that rule would be reversed.) A row with an empty reserve keeps its negatives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from miner.train.augment import BatchRow
from miner.train.hardness import unit
from miner.types import Floats, Side


class ReserveReplacement:
    """Replaces easy negatives by the row's next ones.

    reserve: {(anchor, positive): further negatives, hardest first}.
    encode: function of (texts, side) that returns vectors of the current model.
    drop: relative drop of the score since it was first measured.
    score: cosine below which a negative may be easy.
    every: batches between two measurements.
    """

    columns = ("anchor", "positive", "negative_1")

    def __init__(
        self,
        reserve: Mapping[tuple[str, str], Sequence[str]],
        encode: Callable[[list[str], Side], Floats],
        drop: float = 0.15,
        score: float = 0.8,
        every: int = 10,
    ) -> None:
        self._reserve = {key: list(texts) for key, texts in reserve.items()}
        self._encode, self.drop, self.score, self.every = encode, drop, score, every
        from miner.train.parts.knobs import check_numbers  # whose package imports this module

        check_numbers(self, "replace")
        self._now: dict[tuple[str, str, str], str] = {}
        self._first: dict[tuple[str, str, str], float] = {}
        self.replaced = 0

    def __call__(self, rows: list[BatchRow], step: int) -> list[BatchRow]:
        """Return the rows with their current negatives."""
        if step % self.every == 0:
            self._check(rows)
        return [self._row(row) for row in rows]

    def _row(self, row: BatchRow) -> BatchRow:
        return {name: self._now.get((*_key(row), name), text) for name, text in row.items()}

    def _check(self, rows: list[BatchRow]) -> None:
        """Score the batch, and replace its easy negatives."""
        places = [(*_key(row), name) for row in rows for name in row if name.startswith("negative_")]
        if not places:
            return
        current = [self._row(row) for row in rows]
        texts = [row[name] for row in current for name in row if name.startswith("negative_")]
        anchors = np.repeat(unit(self._encode([row["anchor"] for row in rows], "query")), len(places) // len(rows), axis=0)
        scores = (anchors * unit(self._encode(texts, "passage"))).sum(axis=1)
        for place, score in zip(places, scores.tolist(), strict=True):
            first = self._first.setdefault(place, score)
            reserve = self._reserve.get(place[:2])
            if reserve and easy(first, score, self.drop, self.score):
                self._now[place] = reserve.pop(0)
                self._first.pop(place)
                self.replaced += 1

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint, as JSON."""
        return {
            "replaced": self.replaced,
            "now": [[*key, text] for key, text in self._now.items()],
            "first": [[*key, score] for key, score in self._first.items()],
            "reserve": [[*key, texts] for key, texts in self._reserve.items()],
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore `state`."""
        self.replaced = state["replaced"]
        self._now = {(a, p, n): text for a, p, n, text in state["now"]}
        self._first = {(a, p, n): score for a, p, n, score in state["first"]}
        self._reserve = {(a, p): texts for a, p, texts in state["reserve"]}


def easy(first: float, current: float, drop: float, score: float) -> bool:
    """Return whether a negative became easy, from its first and its current score."""
    return first - current > drop * abs(first) and current < score


def _key(row: BatchRow) -> tuple[str, str]:
    return row["anchor"], row["positive"]

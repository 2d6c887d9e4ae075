"""Augmentation of a batch's texts: other queries and positives, and negatives made by TF-IDF. No torch here.

Each class is called with the rows of a batch ({column: text}) and the number of the batch, and returns rows. Random numbers follow from
(seed, batch, text), so a resumed training sees the same texts.

Word deletion and word order are EDA's (arXiv 1901.11196); a paraphrase is the user's own function. They add views of relevant texts, never
negatives. UNA (arXiv 2401.02594) makes negatives: it replaces the words of highest weight in the positive by words of similar weight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from miner.support.noise import generator
from miner.variations.una import WordReplacement

BatchRow = dict[str, Any]
"""One row of a batch: text by column, and the label."""


class WordDeletion:
    """Delete each word of the columns with probability `share`; at least one word stays."""

    def __init__(self, share: float = 0.1, columns: Sequence[str] = ("anchor",), seed: int = 0) -> None:
        self.share, self.columns, self.seed = share, columns, seed
        _check(self, "delete")

    def __call__(self, rows: list[BatchRow], step: int) -> list[BatchRow]:
        """Return the rows with shorter texts."""
        return _apply(rows, self.columns, lambda text: self.text(text, step))

    def text(self, text: str, step: int) -> str:
        """One text."""
        words = text.split()
        numbers = generator(self.seed, "deleted", step, text).random(len(words))
        remaining = [word for word, number in zip(words, numbers.tolist(), strict=True) if number >= self.share]
        return " ".join(remaining or words[int(np.argmax(numbers)) : int(np.argmax(numbers)) + 1])


class WordSwaps:
    """Swap neighbouring words with probability `share`, from the left."""

    def __init__(self, share: float = 0.1, columns: Sequence[str] = ("anchor",), seed: int = 0) -> None:
        self.share, self.columns, self.seed = share, columns, seed
        _check(self, "reorder")

    def __call__(self, rows: list[BatchRow], step: int) -> list[BatchRow]:
        """Return the rows with their words in another order."""
        return _apply(rows, self.columns, lambda text: self.text(text, step))

    def text(self, text: str, step: int) -> str:
        """One text."""
        words = text.split()
        for position, number in enumerate(generator(self.seed, "reordered", step, text).random(max(len(words) - 1, 0)).tolist()):
            if number < self.share:
                words[position], words[position + 1] = words[position + 1], words[position]
        return " ".join(words)


class Paraphrasing:
    """Replace a text by `paraphrase(text)` with probability `share`; an empty paraphrase leaves the text unchanged."""

    def __init__(self, paraphrase: Callable[[str], str], share: float = 0.5, columns: Sequence[str] = ("anchor",), seed: int = 0) -> None:
        self.paraphrase, self.share, self.columns, self.seed = paraphrase, share, columns, seed
        _check(self, "paraphrase")

    def __call__(self, rows: list[BatchRow], step: int) -> list[BatchRow]:
        """Return the rows with a share of their texts paraphrased."""
        return _apply(rows, self.columns, lambda text: self.text(text, step))

    def text(self, text: str, step: int) -> str:
        """One text."""
        number = generator(self.seed, "paraphrased", step, text).random()
        return self.paraphrase(text) or text if number < self.share else text


class Una(WordReplacement):
    """Every `every` batches, add one negative to each row: its positive with the words of highest weight replaced.

    weight = log(1 + count / length) × log(N / df) in the positive. A word is replaced with probability
    strength × (weight - lowest) / (highest - lowest); the word of highest weight is always replaced. The vocabulary is sorted by the
    maximum weight of each word over all texts. The substitute is drawn by weight from the `near` neighbours of the same shape (a number
    for a number). It works on words, not on subword tokens; the paper works on unlabelled sentences.
    """

    columns = ("positive",)
    """Columns that the rows need, as of the other changes."""

    def __init__(self, texts: Iterable[str], every: int = 5, strength: float = 0.5, near: int = 4000, seed: int = 0) -> None:
        self.every, self.strength, self.near, self.seed = every, strength, near, seed
        _check(self, "una")
        super().__init__(list(dict.fromkeys(texts)), strength, near)

    def __call__(self, rows: list[BatchRow], step: int) -> list[BatchRow]:
        """Return the rows, with a column `negative_una` in every `every`-th batch."""
        if step % self.every:
            return rows
        return [{**row, "negative_una": self.text(row["positive"], step)} for row in rows]

    def text(self, text: str, step: int) -> str:
        """Make one negative from a positive; it is unchanged where none of its words has a substitute."""
        return self.replace_words(text, generator(self.seed, "una", step, text))


def _check(change: object, part: str) -> None:
    from miner.train.parts.knobs import check_numbers  # whose package imports this module

    check_numbers(change, part)


def _apply(rows: list[BatchRow], columns: Sequence[str], change: Callable[[str], str]) -> list[BatchRow]:
    return [{name: change(value) if name in columns else value for name, value in row.items()} for row in rows]

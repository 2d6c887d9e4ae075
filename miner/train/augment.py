"""Texts changed on their way into a batch: other queries and positives, and negatives made by TF-IDF. No torch here.

Each is called with the rows of a batch ({column: text}) and the number of the batch, and gives rows back. Noise follows from
(seed, batch, text), so a resumed training sees the same texts.

Deletion and word order are EDA's (arXiv 1901.11196); a paraphrase is the user's own function. They add views of what is relevant, never
negatives. UNA (arXiv 2401.02594) makes negatives: words of the positive that weigh most are replaced by others that weigh about as much.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from miner.support.noise import generator

Row = dict[str, Any]
WORD = re.compile(r"\w+")


class Deleted:
    """Leave out each word of the columns with chance `share`; one word stays always."""

    def __init__(self, share: float = 0.1, columns: Sequence[str] = ("anchor",), seed: int = 0) -> None:
        self.share, self.columns, self.seed = share, columns, seed

    def __call__(self, rows: list[Row], step: int) -> list[Row]:
        """The rows, their texts shortened."""
        return _changed(rows, self.columns, lambda text: self.text(text, step))

    def text(self, text: str, step: int) -> str:
        """One text."""
        words = text.split()
        draw = generator(self.seed, "deleted", step, text).random(len(words))
        kept = [word for word, drawn in zip(words, draw.tolist(), strict=True) if drawn >= self.share]
        return " ".join(kept or words[int(np.argmax(draw)) : int(np.argmax(draw)) + 1])


class Reordered:
    """Swap neighbouring words with chance `share`, from the left."""

    def __init__(self, share: float = 0.1, columns: Sequence[str] = ("anchor",), seed: int = 0) -> None:
        self.share, self.columns, self.seed = share, columns, seed

    def __call__(self, rows: list[Row], step: int) -> list[Row]:
        """The rows, their texts in another order."""
        return _changed(rows, self.columns, lambda text: self.text(text, step))

    def text(self, text: str, step: int) -> str:
        """One text."""
        words = text.split()
        for place, drawn in enumerate(generator(self.seed, "reordered", step, text).random(max(len(words) - 1, 0)).tolist()):
            if drawn < self.share:
                words[place], words[place + 1] = words[place + 1], words[place]
        return " ".join(words)


class Paraphrased:
    """Put `paraphrase(text)` in a text's place with chance `share`; an empty answer leaves it as it is."""

    def __init__(self, paraphrase: Callable[[str], str], share: float = 0.5, columns: Sequence[str] = ("anchor",), seed: int = 0) -> None:
        self.paraphrase, self.share, self.columns, self.seed = paraphrase, share, columns, seed

    def __call__(self, rows: list[Row], step: int) -> list[Row]:
        """The rows, some of their texts in other words."""
        return _changed(rows, self.columns, lambda text: self.text(text, step))

    def text(self, text: str, step: int) -> str:
        """One text."""
        drawn = generator(self.seed, "paraphrased", step, text).random()
        return self.paraphrase(text) or text if drawn < self.share else text


class Una:
    """Every `every` batches, one more negative in each row: its positive with its weightiest words replaced.

    weight = log(1 + count / length) × log(N / df) in the positive. A word goes with chance strength × (weight - least) / (most - least),
    the weightiest one always. In its place comes one of `near` neighbours in the vocabulary sorted by its greatest weight anywhere, of
    the same shape (a number for a number), drawn by weight. Words, not pieces; the paper works on unlabelled sentences.
    """

    def __init__(self, texts: Iterable[str], every: int = 5, strength: float = 0.5, near: int = 4000, seed: int = 0) -> None:
        self.every, self.strength, self.near, self.seed = max(1, every), strength, near, seed
        told = [WORD.findall(text.lower()) for text in dict.fromkeys(texts)]
        frequency = Counter(word for words in told for word in set(words))
        self.idf = {word: math.log(len(told) / count) for word, count in frequency.items()}
        greatest: dict[str, float] = {}
        for words in told:
            for word, weight in self.weights(words).items():
                greatest[word] = max(weight, greatest.get(word, 0.0))
        self.vocabulary = sorted(greatest, key=lambda word: (greatest[word], word))
        self.place = {word: place for place, word in enumerate(self.vocabulary)}
        self.weight = np.array([greatest[word] for word in self.vocabulary])
        shapes = np.array([_shape(word) for word in self.vocabulary], dtype=np.str_)
        self.alike = {shape: np.flatnonzero(shapes == shape) for shape in ("number", "word")}

    def weights(self, words: Sequence[str]) -> dict[str, float]:
        """TF-IDF of each word of a text."""
        return {word: math.log(1 + count / len(words)) * self.idf.get(word, 0.0) for word, count in Counter(words).items()}

    def __call__(self, rows: list[Row], step: int) -> list[Row]:
        """The rows, each with `negative_una` where it is this batch's turn."""
        if step % self.every:
            return rows
        return [{**row, "negative_una": self.text(row["positive"], step)} for row in rows]

    def text(self, text: str, step: int) -> str:
        """One negative made from a positive; unchanged where no word of it has a substitute."""
        weights = self.weights(WORD.findall(text.lower()))
        if not weights:
            return text
        least, most = min(weights.values()), max(weights.values())
        draw = generator(self.seed, "una", step, text)
        chances = {word: self.strength * (weight - least) / max(most - least, 1e-12) for word, weight in weights.items()}
        gone = {word for word, chance in chances.items() if draw.random() < chance}
        gone.add(max(weights, key=lambda word: (weights[word], word)))
        instead = {word: self.substitute(word, draw) for word in sorted(gone)}
        return WORD.sub(lambda found: instead.get(found.group().lower(), found.group()), text)

    def substitute(self, word: str, draw: Any) -> str:
        """A neighbour by weight, of the same shape."""
        place, alike = self.place.get(word, 0), self.alike[_shape(word)]
        low = max(0, place - self.near // 2)
        begin, end = np.searchsorted(alike, [low, low + self.near])
        some = alike[begin:end]
        some = some[some != place]
        if not len(some):
            return word
        weight = self.weight[some] + 1e-9
        return self.vocabulary[int(some[draw.choice(len(some), p=weight / weight.sum())])]


def _shape(word: str) -> str:
    return "number" if any(sign.isdigit() for sign in word) else "word"


def _changed(rows: list[Row], columns: Sequence[str], change: Callable[[str], str]) -> list[Row]:
    return [{name: change(value) if name in columns else value for name, value in row.items()} for row in rows]

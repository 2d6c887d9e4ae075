"""Words of high TF-IDF weight replaced by words of similar weight: UNA (arXiv 2401.02594), of a mined negative.

The paper replaces tokens of an unlabelled sentence; here the words of a text that was mined as a negative are replaced, by words of the
corpus. Statistics are gathered by reading the distinct texts twice; they do not depend on the order of the texts.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xxhash

from miner.errors import ConfigError
from miner.types import TextChange, Texts
from miner.variations.count import check_count

WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class TfIdfReplacement:
    """Replace the words of highest TF-IDF weight in a negative by words of similar weight (UNA, arXiv 2401.02594).

    weight = log(1 + count / length) x log(N / df) over the corpus. A word is replaced with probability
    strength x (weight - lowest) / (highest - lowest), the word of highest weight always; the substitute is drawn by weight from its `near`
    neighbours of the same shape (a number for a number) in the list of all words by weight.
    count: the most that a row gets.
    """

    count: int = 1
    strength: float = 0.5
    near: int = 4000
    needs_function: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_count("una", self.count)
        if not (0 <= self.strength <= 1 and self.near >= 2):
            raise ConfigError(f"variation 'una' wants 0 <= strength <= 1 and near >= 2, got strength={self.strength}, near={self.near}")

    def open(self, corpus: Texts, paraphrase: Callable[[str], str] | None) -> TextChange:
        """Count the words of the corpus; return the function of (text, random numbers)."""
        return WordReplacement(DistinctTexts(corpus), self.strength, self.near).replace_words


class DistinctTexts:
    """The texts of a corpus, each once; they can be read again."""

    def __init__(self, corpus: Texts) -> None:
        self._corpus = corpus

    def __iter__(self) -> Iterator[str]:
        seen: set[int] = set()
        for batch in self._corpus.all_texts():
            for text in batch:
                key = xxhash.xxh3_64_intdigest(text.encode())
                if key not in seen:
                    seen.add(key)
                    yield text


class WordReplacement:
    """The weights of words, and substitutes of similar weight.

    texts: distinct texts that can be read twice.
    """

    def __init__(self, texts: Iterable[str], strength: float = 0.5, near: int = 4000) -> None:
        self.strength, self.near = strength, near
        frequency: Counter[str] = Counter()
        documents = 0
        for text in texts:
            documents += 1
            frequency.update(set(WORD.findall(text.lower())))
        self.idf = {word: math.log(documents / count) for word, count in frequency.items()}
        max_weight: dict[str, float] = {}
        for text in texts:
            for word, weight in self.weights(WORD.findall(text.lower())).items():
                max_weight[word] = max(weight, max_weight.get(word, 0.0))
        self.vocabulary = sorted(max_weight, key=lambda word: (max_weight[word], word))
        self.position = {word: position for position, word in enumerate(self.vocabulary)}
        self.weight = np.array([max_weight[word] for word in self.vocabulary])
        shapes = np.array([_shape(word) for word in self.vocabulary], dtype=np.str_)
        self.words_of_shape = {shape: np.flatnonzero(shapes == shape) for shape in ("number", "word")}

    def weights(self, words: Sequence[str]) -> dict[str, float]:
        """TF-IDF of each word of a text."""
        return {word: math.log(1 + count / len(words)) * self.idf.get(word, 0.0) for word, count in Counter(words).items()}

    def replace_words(self, text: str, draw: np.random.Generator) -> str:
        """The text with some words replaced; it is unchanged where none of its words has a substitute."""
        weights = self.weights(WORD.findall(text.lower()))
        if not weights:
            return text
        lowest, highest = min(weights.values()), max(weights.values())
        probabilities = {word: self.strength * (weight - lowest) / max(highest - lowest, 1e-12) for word, weight in weights.items()}
        replaceable = {word for word, probability in probabilities.items() if draw.random() < probability}
        replaceable.add(max(weights, key=lambda word: (weights[word], word)))
        substitutes = {word: self.substitute(word, draw) for word in sorted(replaceable)}
        return WORD.sub(lambda match: substitutes.get(match.group().lower(), match.group()), text)

    def substitute(self, word: str, draw: np.random.Generator) -> str:
        """Draw a word of similar weight and of the same shape."""
        position, same_shape = self.position.get(word, 0), self.words_of_shape[_shape(word)]
        low = max(0, position - self.near // 2)
        begin, end = np.searchsorted(same_shape, [low, low + self.near])
        neighbours = same_shape[begin:end]
        neighbours = neighbours[neighbours != position]
        if not len(neighbours):
            return word
        weight = self.weight[neighbours] + 1e-9
        return self.vocabulary[int(neighbours[draw.choice(len(neighbours), p=weight / weight.sum())])]


def _shape(word: str) -> str:
    return "number" if any(sign.isdigit() for sign in word) else "word"

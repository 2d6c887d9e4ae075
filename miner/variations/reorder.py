"""Sentences in another order: the words stay, what stands before what does not."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from miner.types import TextChange, Texts
from miner.variations.count import check_count

SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])\s*(?=\S)|\n+")
"""A mark with white space after it, a full-width mark, or a new line. There is no list of abbreviations: one ends a sentence too."""
FULL_WIDTH = "。！？"


@dataclass(frozen=True)
class SentenceOrder:
    """Put the sentences of a negative into another order. A text of one sentence has no variation.

    A model that averages the vectors of words (a static one) sees no order: its variations have the vector of their origin.
    count: the most that a row gets.
    """

    count: int = 1
    needs_function: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_count("reorder", self.count)

    def open(self, corpus: Texts, paraphrase: Callable[[str], str] | None) -> TextChange:
        """Return the function of (text, random numbers)."""
        return reordered


def reordered(text: str, draw: np.random.Generator) -> str:
    """The sentences in an order that is drawn, and never in their own: that order gives way to the one that begins with the second."""
    sentences = [sentence for sentence in SENTENCE_END.split(text.strip()) if sentence]
    order = draw.permutation(len(sentences))
    if (order == np.arange(len(order))).all():
        order = np.roll(order, -1)
    pieces = [sentences[place] for place in order.tolist()]
    return "".join(piece + ("" if piece[-1] in FULL_WIDTH else " ") for piece in pieces).strip()

"""Words left out: EDA's random deletion (arXiv 1901.11196), of a negative instead of a training text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from miner.errors import ConfigError
from miner.types import TextChange, Texts
from miner.variations.count import check_count


@dataclass(frozen=True)
class WordDeletion:
    """Leave out each word of a negative with probability `share`: at least one, and never all.

    count: the most that a row gets.
    """

    count: int = 1
    share: float = 0.1
    needs_function: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_count("delete", self.count)
        if not 0 < self.share < 1:
            raise ConfigError(f"variation 'delete' wants 0 < share < 1, got share={self.share}")

    def open(self, corpus: Texts, paraphrase: Callable[[str], str] | None) -> TextChange:
        """Return the function of (text, random numbers)."""
        return self._delete

    def _delete(self, text: str, draw: np.random.Generator) -> str:
        words = text.split()
        if len(words) < 2:
            return text
        numbers = draw.random(len(words))
        stays = numbers >= self.share
        if stays.all():
            stays[np.argmin(numbers)] = False
        if not stays.any():
            stays[np.argmax(numbers)] = True
        return " ".join(word for word, is_left in zip(words, stays.tolist(), strict=True) if is_left)

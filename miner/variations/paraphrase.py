"""A paraphrase by the user's own function: in Python only, code never comes from a request, a flag or a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from miner.errors import ConfigError
from miner.support.value_types import type_name
from miner.types import TextChange, Texts
from miner.variations.count import check_count

REMEMBERED = 65_536
"""Texts whose paraphrase is remembered: one passage is a negative of many queries."""


@dataclass(frozen=True)
class Paraphrase:
    """Let the user's own function say a negative in other words, in Python only: mine(…, paraphrase=function).

    The function gets a text and returns one; an empty text, and the text itself, are no variation.
    count: the most that a row gets.
    """

    count: int = 1
    needs_function: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_count("paraphrase", self.count)

    def open(self, corpus: Texts, paraphrase: Callable[[str], str] | None) -> TextChange:
        """Return the function of (text, random numbers), which it does not need. ConfigError where there is no function."""
        if paraphrase is None:
            raise ConfigError("variation 'paraphrase' needs your function: mine(…, paraphrase=function), in Python")
        function = paraphrase

        @lru_cache(maxsize=REMEMBERED)
        def other_words(text: str) -> str:
            answer = function(text)
            if not isinstance(answer, str):
                raise ConfigError(f"your paraphrase function returned {type_name(answer)} for '{text[:40]}'; a text is needed")
            return answer

        def change(text: str, draw: np.random.Generator) -> str:
            return other_words(text)

        return change

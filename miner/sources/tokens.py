"""Text as terms for BM25: words where a script writes spaces between them, pairs of characters where it does not.

Chosen run by run, so that a mixed corpus, or one mixed text, needs no setting. Pairs overlap and need no dictionary; they count whole
characters as a reader sees them (grapheme clusters), since a Thai vowel sign alone says little.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any

UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}ー"
"""Scripts without spaces between words, and the long-vowel mark that belongs to two of them."""


def terms(text: str) -> Iterator[str]:
    """The terms of a text in their order, lower case, compatibility forms made equal; punctuation is left out."""
    for run in _runs().finditer(unicodedata.normalize("NFKC", text).casefold()):
        if run[1]:
            yield from _pairs(run[1])
        else:
            yield run[0]


def _pairs(run: str) -> Iterator[str]:
    characters = _characters().findall(run)
    if len(characters) == 1:
        yield run
    for first, second in pairwise(characters):
        yield first + second


@cache
def _runs() -> Any:
    """Runs of letters, marks and digits: the first group holds one of an unspaced script. Python's own `re` cuts words at vowel signs."""
    import regex

    return regex.compile(rf"(?V1)([{UNSPACED}][{UNSPACED}\p{{M}}]*)|[\w--[{UNSPACED}]]+")


@cache
def _characters() -> Any:
    import regex

    return regex.compile(r"\X")

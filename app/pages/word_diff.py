"""Two texts held against each other: which words they share, what was changed, how alike they are; and texts that hide nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from miner.evidence.shingles import UNSPACED, WIDTH
from miner.page.html import Html, join, tag

MOST_CHARS = 3000
"""Of a text that are shown."""

MOST_WORDS = 400
"""Of each text that a diff looks at."""

BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
HIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u2060\ufeff]")
TOKEN = re.compile(f"{UNSPACED.pattern}|\\w+|\\s+|.", re.DOTALL)
LEAST_CHARS = 5
"""Of a spaced word that is marked when both texts have it: shorter ones are in every text."""


def visible(text: str) -> str:
    """The text, cut, with what would turn or hide a part of it written out."""
    cut = text if len(text) <= MOST_CHARS else f"{text[:MOST_CHARS]}… ({len(text) - MOST_CHARS:,} more characters)"
    return HIDDEN.sub(_named, BIDI.sub(_named, cut))


def shared(text: str, other: str) -> Html:
    """`text` with the words marked that `other` has too."""
    known = {token.lower() for token in tokens(visible(other)) if _tells(token)}
    return _runs([(token, _tells(token) and token.lower() in known) for token in tokens(visible(text))], "mark")


def changed(before: str, after: str) -> Html:
    """`after` with what `before` had in its place: taken out, put in, word for word."""
    old, new = (tokens(visible(text))[: 2 * MOST_WORDS] for text in (before, after))
    parts: list[str] = []
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            parts.append("".join(new[c:d]))
            continue
        parts += [tag("del", "".join(old[a:b]))] if b > a else []
        parts += [tag("ins", "".join(new[c:d]))] if d > c else []
    return join(parts)


def alike(text: str, other: str) -> float:
    """The share of word 5-grams that two texts have in common, of all that either has (Jaccard)."""
    one, two = _grams(text), _grams(other)
    return len(one & two) / len(one | two) if one or two else 1.0


def tokens(text: str) -> list[str]:
    """Words, white space and signs; of scripts without spaces every character."""
    return [found[0] for found in TOKEN.finditer(text)]


def _grams(text: str) -> set[tuple[str, ...]]:
    words = [token.lower() for token in tokens(text) if token[0].isalnum()]
    return {tuple(words[place : place + WIDTH]) for place in range(max(1, len(words) - WIDTH + 1))} if words else set()


def _tells(token: str) -> bool:
    return token[0].isalnum() and (len(token) >= LEAST_CHARS or UNSPACED.match(token) is not None)


def _runs(marked: Sequence[tuple[str, bool]], element: str) -> Html:
    """Neighbours that are marked alike become one element: pages stay small."""
    parts: list[tuple[str, bool]] = []
    for token, is_marked in marked:
        if parts and parts[-1][1] == is_marked:
            parts[-1] = (parts[-1][0] + token, is_marked)
        else:
            parts.append((token, is_marked))
    return join(tag(element, text) if is_marked else text for text, is_marked in parts)


def _named(found: re.Match[str]) -> str:
    return f"‹U+{ord(found[0]):04X}›"

"""Two texts compared: the words they share, a word diff, their likeness; and texts with invisible characters written out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from miner.evidence.shingles import UNSPACED, WIDTH
from miner.page.html import Html, join, tag

MAX_CHARS = 3000
"""Characters of a text that are shown."""

MAX_DIFF_WORDS = 400
"""Words of each text that a diff compares."""

BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
HIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u2060\ufeff]")
TOKEN = re.compile(f"{UNSPACED.pattern}|\\w+|\\s+|.", re.DOTALL)
MIN_MARKED_CHARS = 5
"""Length from which a shared word is marked: shorter words are in every text. Scripts without spaces have no minimum."""


def visible(text: str) -> str:
    """The text, truncated, with bidirectional controls and invisible characters written as code points."""
    cut = text if len(text) <= MAX_CHARS else f"{text[:MAX_CHARS]}… ({len(text) - MAX_CHARS:,} more characters)"
    return HIDDEN.sub(_code_point, BIDI.sub(_code_point, cut))


def mark_shared(text: str, other: str) -> Html:
    """`text` with the words marked that are in `other` too."""
    other_words = {token.lower() for token in tokens(visible(other)) if _is_distinctive(token)}
    return _merge_runs([(token, _is_distinctive(token) and token.lower() in other_words) for token in tokens(visible(text))], "mark")


def diff(before: str, after: str) -> Html:
    """A word diff: `after` with insertions, and deletions from `before`, marked."""
    old, new = (tokens(visible(text))[: 2 * MAX_DIFF_WORDS] for text in (before, after))
    parts: list[str] = []
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            parts.append("".join(new[c:d]))
            continue
        parts += [tag("del", "".join(old[a:b]))] if b > a else []
        parts += [tag("ins", "".join(new[c:d]))] if d > c else []
    return join(parts)


def jaccard(text: str, other: str) -> float:
    """The Jaccard coefficient of the word 5-grams of two texts."""
    first_grams, second_grams = _grams(text), _grams(other)
    return len(first_grams & second_grams) / len(first_grams | second_grams) if first_grams or second_grams else 1.0


def tokens(text: str) -> list[str]:
    """Words, white space and signs; of scripts without spaces every character."""
    return [match[0] for match in TOKEN.finditer(text)]


def _grams(text: str) -> set[tuple[str, ...]]:
    words = [token.lower() for token in tokens(text) if token[0].isalnum()]
    return {tuple(words[start : start + WIDTH]) for start in range(max(1, len(words) - WIDTH + 1))} if words else set()


def _is_distinctive(token: str) -> bool:
    return token[0].isalnum() and (len(token) >= MIN_MARKED_CHARS or UNSPACED.match(token) is not None)


def _merge_runs(tokens_marked: Sequence[tuple[str, bool]], element: str) -> Html:
    """Markup with one element per run of marked tokens, which keeps the page small."""
    parts: list[tuple[str, bool]] = []
    for token, is_marked in tokens_marked:
        if parts and parts[-1][1] == is_marked:
            parts[-1] = (parts[-1][0] + token, is_marked)
        else:
            parts.append((token, is_marked))
    return join(tag(element, text) if is_marked else text for text, is_marked in parts)


def _code_point(match: re.Match[str]) -> str:
    return f"‹U+{ord(match[0]):04X}›"

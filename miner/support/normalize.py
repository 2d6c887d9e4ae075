"""When two texts say the same: the one rule for passages and questions, whoever compares them. Imports nothing of ours."""

from __future__ import annotations

import unicodedata

import xxhash

SENTENCE_MARKS = " .,;:!?…\"'“”‘’"


def normalise(text: str) -> str:
    """NFKC, case folded, white space collapsed, sentence marks stripped from both ends (`C++` and `C` stay different)."""
    folded = " ".join((text if text.isascii() else unicodedata.normalize("NFKC", text)).casefold().split())
    return folded.strip(SENTENCE_MARKS) or folded


def plain_key(text: str) -> int:
    """A 64-bit hash of the normalised text."""
    return xxhash.xxh3_64_intdigest(normalise(text).encode())

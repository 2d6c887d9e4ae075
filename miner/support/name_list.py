"""Lists of names in messages: of many columns, or of a first line that is a row and no header. Imports nothing of ours."""

from __future__ import annotations

from collections.abc import Iterable

MAX_NAMES = 20
MAX_NAME_CHARS = 60
MIN_WORDS = 4
"""Words of a first line that make it a text, and no name of a column."""


def listed(names: Iterable[object]) -> str:
    """Return the names, separated by commas: the first twenty, each cut where it is long, and how many more there are."""
    texts = [str(name) for name in names]
    more = f" and {len(texts) - MAX_NAMES:,} more" if len(texts) > MAX_NAMES else ""
    return ", ".join(text if len(text) <= MAX_NAME_CHARS else f"{text[:MAX_NAME_CHARS]}…" for text in texts[:MAX_NAMES]) + more


def header_hint(file: str, names: Iterable[object]) -> str:
    """Return a hint where the first line of a CSV or TSV file reads as a row of texts; else nothing."""
    is_table = any(kind in file.lower() for kind in (".csv", ".tsv"))
    is_text = any(len(str(name)) > MAX_NAME_CHARS or len(str(name).split()) >= MIN_WORDS for name in names)
    hint = "; the first line reads as a row: the file needs a header, a first line with the names of its columns"
    return hint if is_table and is_text else ""

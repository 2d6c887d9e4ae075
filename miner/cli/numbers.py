"""Numbers with nouns, for sentences."""

from __future__ import annotations


def count_noun(count: int, noun: str, plural: str = "") -> str:
    """`1 run`, `2 runs`, `1,000 queries`. plural: an irregular one; the default adds -s, or -ies for -y."""
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {plural or (noun[:-1] + 'ies' if noun.endswith('y') else noun + 's')}"

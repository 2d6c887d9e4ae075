"""Numbers in sentences."""

from __future__ import annotations


def counted(count: int, noun: str, plural: str = "") -> str:
    """`1 run`, `2 runs`, `1,000 queries`; plural: where it is not the noun with an s, or -ies for -y."""
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {plural or (noun[:-1] + 'ies' if noun.endswith('y') else noun + 's')}"

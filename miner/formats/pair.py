"""Which columns hold the query and the positive where a file gives them other names than ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from miner.errors import InputError
from miner.formats.row_format import RESERVED

QUERY, POSITIVE = ("anchor", "query", "question"), ("positive", "answer", "passage", "document")
RIVALS = (*POSITIVE[1:], "context", "response")
"""Names that say of none of them that it is the positive."""


def pair_columns(row: Mapping[str, Any], *, sure: bool = True) -> tuple[str, str]:
    """The columns of the query and of the positive: by a usual name, else the first two that hold texts, as trainers take them.

    sure: InputError where two columns could each be the positive.
    """
    torn = [name for name in RIVALS if name in row] if sure and "positive" not in row else []
    if len(torn) > 1:
        raise InputError(f"{' and '.join(map(repr, torn))} could each be the positive: name the one that is 'positive'")
    others = [name for name, value in row.items() if isinstance(value, str | list) and not RESERVED.fullmatch(name)]
    query = next((name for name in QUERY if name in row), None) or next((name for name in others if name not in POSITIVE), "anchor")
    positive = next((name for name in POSITIVE if name in row), None) or next((name for name in others if name != query), "positive")
    return query, positive

"""The columns of the query and the positive, in files with other column names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from miner.errors import InputError
from miner.formats.row_format import RESERVED

QUERY, POSITIVE = ("anchor", "query", "question"), ("positive", "answer", "passage", "document")
AMBIGUOUS_POSITIVES = (*POSITIVE[1:], "context", "response")
"""Column names of which two or more make the positive ambiguous."""


def pair_columns(row: Mapping[str, Any], *, strict: bool = True) -> tuple[str, str]:
    """Return the columns of the query and of the positive: by a usual name, else the first two columns with texts, as trainers do.

    strict: raise InputError where two columns could each be the positive.
    """
    ambiguous = [name for name in AMBIGUOUS_POSITIVES if name in row] if strict and "positive" not in row else []
    if len(ambiguous) > 1:
        raise InputError(f"{' and '.join(map(repr, ambiguous))} could each be the positive: name the one that is 'positive'")
    text_columns = [name for name, value in row.items() if isinstance(value, str | list) and not RESERVED.fullmatch(name)]
    query = next((name for name in QUERY if name in row), None) or next((name for name in text_columns if name not in POSITIVE), "anchor")
    positive = next((name for name in POSITIVE if name in row), None) or next((name for name in text_columns if name != query), "positive")
    return query, positive

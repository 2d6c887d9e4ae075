"""A list that stands as text in a cell, as pandas writes a column of lists to CSV: `['a', 'b']`, or `["a", "b"]` in JSON."""

from __future__ import annotations

import ast
import io
import json
import tokenize
from typing import Any


def list_in_text(text: str) -> list[str] | list[float] | None:
    """The strings, or the numbers, of a list that is written as text; None for any other text.

    A list of numpy, `['a' 'b']`, has no commas: Python would join its strings, so it is no list here.
    """
    stripped = text.strip()
    if not (stripped.startswith("[") and stripped.endswith("]")):
        return None
    items = _parsed(stripped)
    kinds = {type(item) for item in items or ()}
    return items if kinds and (kinds == {str} or kinds <= {int, float}) else None


def is_list_of_texts(text: str) -> bool:
    """Whether a text is a list of strings."""
    return isinstance(next(iter(list_in_text(text) or ()), None), str)


def _parsed(text: str) -> list[Any] | None:
    """What JSON or Python reads as a list."""
    for parse in (json.loads, _literal):
        try:
            items = parse(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError, tokenize.TokenError):
            continue
        return items if isinstance(items, list) else None
    return None


def _literal(text: str) -> Any:
    """What Python reads. ValueError where two strings stand side by side, which Python joins."""
    items = ast.literal_eval(text)
    strings = sum(token.type == tokenize.STRING for token in tokenize.generate_tokens(io.StringIO(text).readline))
    if strings != sum(isinstance(item, str) for item in items):
        raise ValueError("two strings side by side")
    return items

"""The delimiter of a CSV file, from its first line."""

from __future__ import annotations

import re

DELIMITERS = ";\t|"
"""Delimiters of a .csv whose header has no comma."""
DIRECTIVE = re.compile(r"sep=(.)\s*", re.IGNORECASE)
"""A first line that Excel writes and reads: it names the delimiter."""


def delimiter_of(first: str) -> tuple[str, bool]:
    """Return the delimiter, and whether the first line does no more than name it."""
    if directive := DIRECTIVE.fullmatch(first):
        return directive[1], True
    delimiter = next((sign for sign in DELIMITERS if sign in first), ",")
    return "," if "," in first else delimiter, False

"""The checks of single values: ids, texts, grades. A wrong value raises BadRow with the reason.

Imports its neighbours in this package only.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import orjson

from miner.read.rejects import BadRow
from miner.support.value_types import type_name

MAX_ID_BYTES = 512
MIN_INT, MAX_INT = -(2**63), 2**64 - 1
"""Whole numbers that are ids: those of 64 bits, which JSON and Parquet hold exactly."""


def clean_id(value: Any, name: str) -> str:
    """Return the id as a string; whole numbers of 64 bits are converted."""
    if isinstance(value, int) and not isinstance(value, bool) and MIN_INT <= value <= MAX_INT:
        return str(value)
    if value is None:
        raise BadRow(f"missing '{name}'")
    if not isinstance(value, str):
        # A number beyond 64 bits has been rounded by the parser: it is not what the file holds.
        is_rounded = isinstance(value, float) and abs(value) >= MAX_INT
        number = f" ({value})" if isinstance(value, int | float) and not is_rounded else ""
        raise BadRow(f"'{name}' is {type_name(value)}{number}; an id is a string, or a whole number of at most 64 bits")
    if not value or value.isspace():
        raise BadRow(f"'{name}' is empty")
    if "\0" in value:
        raise BadRow(f"'{name}' holds a NUL character")
    size = len(value) if value.isascii() else len(encode_text(value, name))
    if size > MAX_ID_BYTES:
        raise BadRow(f"'{name}' is {size} bytes long; an id has at most {MAX_ID_BYTES}")
    return value


def clean_text(value: Any, name: str) -> str:
    """Return a string that can be written as UTF-8; it may be blank."""
    if value is None:
        raise BadRow(f"missing '{name}'")
    if not isinstance(value, str):
        raise BadRow(f"'{name}' is {type_name(value)}; a string is needed")
    if not value.isascii():
        encode_text(value, name)
    return value


def full_text(value: Any, name: str) -> str:
    """Return a text that is not blank."""
    text = clean_text(value, name)
    if not text or text.isspace():
        raise BadRow(f"'{name}' is empty")
    return text


def clean_title(value: Any, name: str) -> str | None:
    """Return a title; None when it is missing or blank."""
    if value is None:
        return None
    return clean_text(value, name).strip() or None


def clean_grade(value: Any, name: str = "grade") -> int:
    """Return a whole number, clipped to the range of int8; "1.0" is accepted."""
    if value is None or value == "":
        raise BadRow(f"missing '{name}'")
    number = _number(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | float) or (isinstance(number, float) and not number.is_integer()):
        raise BadRow(f"grade {value!r} is no whole number")
    return max(-128, min(127, int(number)))


def as_json(row: dict[str, Any]) -> str | None:
    """Return unknown columns as one JSON object; None when there are none."""
    present = {name: value for name, value in row.items() if value is not None}
    if not present:
        return None
    try:
        return orjson.dumps(present, default=str, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError as error:
        raise BadRow(f"a further column cannot be kept as JSON: {error}") from None


def short_hash(text: str) -> str:
    """Return 16 hex digits of the text's SHA-256: an id that depends on the text alone."""
    return sha256(text.encode()).hexdigest()[:16]


def text_id(text: str) -> str:
    """Return the id of a passage that has none of its own: it follows from title and text, joined."""
    return f"p-{short_hash(text)}"


def encode_text(text: str, name: str) -> bytes:
    """Return the UTF-8 bytes; raise BadRow where the text cannot be encoded."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise BadRow(f"'{name}' holds a lone surrogate, which is no character") from None


def _number(text: str) -> int | float | None:
    for number_type in (int, float):
        try:
            return number_type(text)
        except ValueError:
            continue
    return None

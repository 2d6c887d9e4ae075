"""The types of JSON values in plain words, for messages about a wrong value."""

from __future__ import annotations

TYPE_NAMES = {
    str: "a string",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


def type_name(value: object) -> str:
    """Return the name of a value's type in plain words."""
    return TYPE_NAMES.get(type(value), f"of type {type(value).__name__}")


MAX_SHOWN_CHARS = 60


def shown(value: object) -> str:
    """Return a value as Python writes it, cut where it is long; of an object that has no such form its type."""
    text = repr(value)
    if text.startswith("<"):
        return type_name(value)
    return text if len(text) <= MAX_SHOWN_CHARS else f"{text[:MAX_SHOWN_CHARS]}…"

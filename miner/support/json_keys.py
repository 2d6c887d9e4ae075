"""A key that a JSON object has twice: decoders keep the last value and say nothing. Imports its neighbours only."""

from __future__ import annotations

import json
import re
from typing import Any

from miner.support.json_depth import depth_fault

KEY_ENDS = re.compile(rb'"\s*:')
"""Where a key may end; inside a text the same is an escaped quote before a colon, which is rare."""
NESTED = (dict, list)
MAX_SHOWN_CHARS = 60


def key_fault(text: bytes, loaded: dict[str, Any]) -> str | None:
    """What is wrong with `text`, valid JSON: an object has a key twice, or it lies too deep. loaded: the same, decoded.

    Where `text` has no more places for a key to end than `loaded` has keys, none is there twice; only what is left is decoded again, by
    Python.
    """
    if fault := depth_fault(text):
        return fault
    ends = len(KEY_ENDS.findall(text))
    try:
        if ends != len(loaded) and ends != _keys(loaded):
            json.loads(text, object_pairs_hook=_unique_object)
    except _Twice as error:
        return f"the key '{str(error)[:MAX_SHOWN_CHARS]}' is there twice"
    return None


def _keys(loaded: dict[str, Any]) -> int:
    """How many keys there are in all objects."""
    count, stack = 0, [loaded]
    while stack:
        inside: Any = stack.pop()
        count += len(inside) if type(inside) is dict else 0
        stack += [value for value in (inside.values() if type(inside) is dict else inside) if type(value) in NESTED]
    return count


class _Twice(Exception):  # noqa: N818 - it never leaves this module
    """The key."""


def _unique_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _Twice(next(key for place, key in enumerate(keys) if key in keys[:place]))
    return result

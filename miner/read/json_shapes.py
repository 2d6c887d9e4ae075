"""JSON files that hold a table in another shape than rows: what they are, and how to write rows. Imports nothing of its neighbours."""

from __future__ import annotations

from itertools import islice
from typing import Any

import ijson

RECORDS = "write one object for each row: df.to_json(NAME, orient='records', lines=True)"
MAX_EVENTS = 64
"""Events of the parser that are looked at: the first keys and values."""


def table_fault(start: bytes, *, is_single: bool) -> str | None:
    """Return what a file is that begins so, and is one JSON object with the whole table in it; None for anything else.

    start: the first bytes of the file, which begin an object.
    is_single: whether a list of objects under its first key would be the table; beside other keys it may be a conversation.
    """
    events = _events(start)
    if len(events) < 4 or events[0][0] != "start_map" or events[1][0] != "map_key":
        return None
    name, kind, inner = events[1][1], events[2][0], events[3]
    if name in ("columns", "index", "data") and kind == "start_array" and inner[0] != "start_map":
        return f"the file is one object of columns, index and data (orient='split' of pandas); {RECORDS}"
    if name == "schema" and kind == "start_map":
        return f"the file is one object of schema and data (orient='table' of pandas); {RECORDS}"
    if kind == "start_map" and name.isdecimal():
        return f"the file is one object of rows by number (orient='index' of pandas); {RECORDS}"
    if kind == "start_map" and inner[0] == "map_key" and inner[1].isdecimal():
        return f"the file is one object of columns (orient='columns', as to_json of pandas writes by default); {RECORDS}"
    if is_single and kind == "start_array" and inner[0] == "start_map":
        return f"the file is one object, whose key '{name}' holds a list of objects; write that list alone: `jq '.{name}' OLD > NEW`"
    return None


def _events(start: bytes) -> list[tuple[str, Any]]:
    """Return the first events of the parser; those before the end of `start`, where it ends early."""
    events: list[tuple[str, Any]] = []
    try:
        for event in islice(ijson.basic_parse(start), MAX_EVENTS):
            events.append(event)  # noqa: PERF402 - those before an error are kept
    except (ijson.JSONError, ValueError):
        pass
    return events

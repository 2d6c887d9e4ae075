"""Ids that the server creates. An id from a client is only looked up in the database, never used as a path.

An id consists of a kind, the time in milliseconds and 64 random bits: ids sort by age and cannot be guessed.
"""

from __future__ import annotations

import secrets
import time


def new_name(kind: str) -> str:
    """`file_0193…`: unique, ascending with time."""
    return f"{kind}_{time.time_ns() // 1_000_000:012x}{secrets.token_hex(8)}"


def now() -> float:
    """Seconds since 1970, as every time in the database."""
    return time.time()

"""Names that the server gives. A name from outside is only ever looked up in the database; no path is made of it.

A name is a kind, the time in milliseconds and 64 random bits: it sorts by age and cannot be guessed.
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

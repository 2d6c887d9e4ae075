"""The knob that every kind has: how many variations a row gets of it."""

from __future__ import annotations

from miner.errors import ConfigError

MOST = 100


def check_count(kind: str, count: int) -> None:
    """ConfigError unless a row may get so many."""
    if not 1 <= count <= MOST:
        raise ConfigError(f"variation '{kind}' wants 1 <= count <= {MOST}, got count={count}")

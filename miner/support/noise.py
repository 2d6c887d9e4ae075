"""Randomness that depends on nothing but (seed, query id, passage id): not on order, batch, thread or restart.

The mixer is SplitMix64 (Steele, Lea, Flood 2014) over 64-bit xxh3 keys of the ids.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import xxhash
from numpy.typing import NDArray

Keys = NDArray[np.uint64]


def keys(ids: Iterable[str]) -> Keys:
    """Shape (n,): a 64-bit key of each id."""
    return np.fromiter((xxhash.xxh3_64_intdigest(text.encode()) for text in ids), dtype=np.uint64)


def uniform(seed: int, queries: Keys, passages: Keys) -> NDArray[np.float64]:
    """Shape (B, K): a number in (0, 1) for every (query, passage); queries (B,), passages (B, K)."""
    with np.errstate(over="ignore"):
        mixed = _mix(drawn(seed, queries)[:, None] + passages)
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53 + 2.0**-54


def drawn(seed: int, ids: Keys) -> Keys:
    """Shape (n,): a hash of the seed and each key."""
    with np.errstate(over="ignore"):
        return _mix(np.uint64(seed & 0xFFFFFFFFFFFFFFFF) + ids)


def _mix(x: Keys) -> Keys:
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def generator(seed: int, *names: object) -> np.random.Generator:
    """A generator for one named purpose: the same seed and names, the same stream, whatever else was drawn."""
    key = xxhash.xxh3_128_intdigest("\0".join(map(str, (seed, *names))).encode())
    return np.random.Generator(np.random.PCG64(key))

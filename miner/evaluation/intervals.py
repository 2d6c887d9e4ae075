"""How sure a counted share is: an interval for it, taken over single negatives or over whole queries.

Negatives of one query are alike, so that counting them one by one makes an interval too narrow; claims go by the second one.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from miner.support import noise

Z = 1.959963984540054
"""Of the normal distribution: 95 % lie within."""

REPLICATES = 2000
CELLS = 1 << 22

Counts = NDArray[np.int64]
Interval = tuple[float, float]


def wilson(part: int, whole: int) -> Interval | None:
    """The 95 % interval of a share (Wilson 1927); None of nothing. Never outside 0 to 1, and never empty at 0 of many."""
    if not whole:
        return None
    share = part / whole
    center = (share + Z * Z / (2 * whole)) / (1 + Z * Z / whole)
    half = Z / (1 + Z * Z / whole) * math.sqrt(share * (1 - share) / whole + Z * Z / (4 * whole * whole))
    return (0.0 if part == 0 else center - half, 1.0 if part == whole else center + half)


def clustered(parts: Counts, wholes: Counts, keys: noise.Keys, seed: int = 0) -> list[Interval | None]:
    """The 95 % intervals of S shares, each sum(parts) / sum(wholes), by drawing Q whole queries again and again (percentile bootstrap).

    parts, wholes (Q, S): counts of each query under each of S settings; all settings see the same draws. keys (Q,): of the queries'
    ids, so that neither their order nor a library's generator can be seen. None where nothing is counted.
    """
    order = np.argsort(keys, kind="stable")
    parts, wholes, keys = parts[order], wholes[order], keys[order]
    shares = [np.empty((0, parts.shape[1]))]
    step = max(1, CELLS // max(1, len(keys)))
    for start in range(0, REPLICATES if len(keys) else 0, step):
        numbers = np.arange(start, min(start + step, REPLICATES), dtype=np.uint64)
        drawn = noise.uniform(seed, keys, np.broadcast_to(numbers, (len(keys), len(numbers))))
        times = np.stack([np.bincount(column, minlength=len(keys)) for column in (drawn.T * len(keys)).astype(np.int64)])
        with np.errstate(invalid="ignore", divide="ignore"):
            shares.append((times @ parts) / (times @ wholes))
    return [_middle(column) for column in np.concatenate(shares).T]


def _middle(shares: NDArray[np.float64]) -> Interval | None:
    """What 95 % of the draws lie between; a draw in which nothing was counted says nothing."""
    said = shares[np.isfinite(shares)]
    if not len(said):
        return None
    low, high = np.quantile(said, (0.025, 0.975))
    return float(low), float(high)

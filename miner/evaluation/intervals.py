"""Confidence intervals of a share, over single negatives (Wilson) or over queries (cluster bootstrap).

Negatives of one query are correlated, so an interval over single negatives is too narrow; claims rest on the interval over queries.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from miner.support import noise

Z = 1.959963984540054
"""The 97.5 % quantile of the normal distribution: 95 % lie within ± Z."""

REPLICATES = 2000
MAX_CELLS = 1 << 22
"""Random numbers (queries × replicates) that are in memory at a time."""

IntCounts = NDArray[np.int64]
Interval = tuple[float, float]


def wilson(part: int, whole: int) -> Interval | None:
    """The 95 % interval of the share part / whole (Wilson 1927); None where `whole` is 0. It lies within [0, 1] and is never empty."""
    if not whole:
        return None
    share = part / whole
    center = (share + Z * Z / (2 * whole)) / (1 + Z * Z / whole)
    half_width = Z / (1 + Z * Z / whole) * math.sqrt(share * (1 - share) / whole + Z * Z / (4 * whole * whole))
    return (0.0 if part == 0 else center - half_width, 1.0 if part == whole else center + half_width)


def clustered(parts: IntCounts, wholes: IntCounts, keys: noise.Keys, seed: int = 0) -> list[Interval | None]:
    """The 95 % intervals of S shares sum(parts) / sum(wholes) by resampling Q queries with replacement (percentile bootstrap).

    parts, wholes: (Q, S), counts of each query under each of S settings; all settings have the same samples.
    keys: (Q,), keys of the queries' ids, so that the result depends neither on their order nor on a library's generator.
    seed: of the samples.
    Returns S intervals; None where all counts are 0.
    """
    order = np.argsort(keys, kind="stable")
    parts, wholes, keys = parts[order], wholes[order], keys[order]
    shares = [np.empty((0, parts.shape[1]))]
    step = max(1, MAX_CELLS // max(1, len(keys)))
    for start in range(0, REPLICATES if len(keys) else 0, step):
        replicates = np.arange(start, min(start + step, REPLICATES), dtype=np.uint64)
        samples = noise.uniform(seed, keys, np.broadcast_to(replicates, (len(keys), len(replicates))))
        weights = np.stack([np.bincount(column, minlength=len(keys)) for column in (samples.T * len(keys)).astype(np.int64)])
        with np.errstate(invalid="ignore", divide="ignore"):
            shares.append((weights @ parts) / (weights @ wholes))
    return [_middle(column) for column in np.concatenate(shares).T]


def _middle(shares: NDArray[np.float64]) -> Interval | None:
    """The interval of the middle 95 % of the resampled shares; samples whose counts are all 0 are left out."""
    finite = shares[np.isfinite(shares)]
    if not len(finite):
        return None
    low, high = np.quantile(finite, (0.025, 0.975))
    return float(low), float(high)

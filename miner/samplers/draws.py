"""What weighted draws share: Gumbel's trick turns weights and noise into priorities, so that a draw is a sort.

The M highest of log w + Gumbel noise are M draws without replacement in proportion to w (Efraimidis, Spirakis 2006; Kool 2019).
"""

from __future__ import annotations

import numpy as np

from miner.types import Bools, Priority

LAST_RESORT_PENALTY = -1e9
"""Added to what is taken only after everything else: later candidates stay available, so that a row is not cut short."""


def gumbel(noise: Priority) -> Priority:
    """Standard Gumbel numbers from uniform ones in (0, 1)."""
    numbers: Priority = -np.log(-np.log(noise))
    return numbers


def among_first(keep: Bools, first: int | None) -> Bools:
    """Shape (B, K): True for the first so many that were kept, for all that were where `first` is None."""
    return keep if first is None else keep & (np.cumsum(keep, axis=1) <= first)

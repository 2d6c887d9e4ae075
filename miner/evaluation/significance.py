"""Significance of differences: paired randomisation, two-way bootstrap over seeds and queries, Holm's correction.

Differences are paired by query, and by training seed where both sides have the same number. Training seeds add variance: a test over
queries alone mistakes a lucky seed for a better method. All random numbers follow from the seed.
Sources: Smucker, Allan, Carterette 2007 (randomisation); Holm 1979; Owen 2007 (the product of two bootstraps).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from miner.support.noise import generator

Values = NDArray[np.float64]
SAMPLE_BLOCK = 256
"""Random samples that are computed at a time."""
ROUNDING_TOLERANCE = 1e-12
"""Sums that differ by less are equal up to the order of summation."""


def randomisation(differences: Values, permutations: int = 10_000, seed: int = 0) -> Values:
    """Shape (M,): two-sided p-values of mean differences.

    differences: (N, M), by query and measure, the mean over seeds.
    permutations: the number of random sign vectors. seed: of the sign vectors.
    Under the null hypothesis both signs of a query's difference are equally likely; p is the share of sign vectors whose mean is at
    least as far from zero as the observed one, which is counted too: p is never zero.
    """
    rng = generator(seed, "randomisation")
    observed = np.abs(differences.mean(axis=0))
    beyond = np.ones(differences.shape[1])
    for start in range(0, permutations, SAMPLE_BLOCK):
        size = (min(SAMPLE_BLOCK, permutations - start), len(differences))
        signs = rng.integers(0, 2, size=size, dtype=np.int8).astype(np.float64) * 2 - 1
        beyond += (np.abs(signs @ differences) / len(differences) >= observed - ROUNDING_TOLERANCE).sum(axis=0)
    p: Values = beyond / (permutations + 1)
    return p


def bootstrap(values: Values, resamples: int = 2000, seed: int = 0, level: float = 0.95) -> Values:
    """Shape (2, M): the interval of the mean. values: (S, N, M), seeds × queries × measures; seeds and queries are resampled."""
    return quantiles([values], [1.0], resamples, seed, level)


def bootstrap_difference(values: Values, baseline: Values, resamples: int = 2000, seed: int = 0, level: float = 0.95) -> Values:
    """Shape (2, M): the interval of mean(values) - mean(baseline).

    values, baseline: (S, N, M) and (S', N, M).
    Both are resampled with the same queries, and with the same seeds where S = S'.
    """
    if len(values) == len(baseline):
        return quantiles([values - baseline], [1.0], resamples, seed, level)
    return quantiles([values, baseline], [1.0, -1.0], resamples, seed, level)


def quantiles(parts: Sequence[Values], weights: Sequence[float], resamples: int, seed: int, level: float) -> Values:
    """Shape (2, M): quantiles of the weighted sum of the parts' means over resampled seeds and queries."""
    rng = generator(seed, "bootstrap")
    count, measures = parts[0].shape[1:]
    means = np.zeros((resamples, measures))
    for start in range(0, resamples, SAMPLE_BLOCK):
        size = min(SAMPLE_BLOCK, resamples - start)
        queries = rng.multinomial(count, np.full(count, 1 / count), size=size).astype(np.float64) / count
        for part, weight in zip(parts, weights, strict=True):
            seeds = rng.multinomial(len(part), np.full(len(part), 1 / len(part)), size=size) / len(part)
            per_seed = np.stack([queries @ values for values in part], axis=1)  # (size, S, M)
            means[start : start + size] += weight * np.einsum("bs,bsm->bm", seeds, per_seed)
    tail = (1 - level) / 2
    interval: Values = np.quantile(means, [tail, 1 - tail], axis=0)
    return interval


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction, in the order of `p_values`: it bounds the probability of any false claim by the level."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    corrected, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = highest
    return corrected


def steps_to(history: Sequence[tuple[int, float]], target: float) -> int | None:
    """The first step with a score of at least `target`; None where there is none."""
    return next((step for step, score in sorted(history) if score >= target), None)

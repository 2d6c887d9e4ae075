"""Is a difference real: paired randomisation, two-way bootstrap over seeds and queries, Holm's correction.

Differences are paired: the same queries (and, where both sides have as many, the same seeds). Training seeds are a source of chance of
their own: a test over queries alone calls a lucky seed a better method. All draws follow from the seed.
Sources: Smucker, Allan, Carterette 2007 (randomisation); Holm 1979; Owen 2007 (the product of two bootstraps).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from miner.support.noise import generator

Values = NDArray[np.float64]
BLOCK = 256
TINY = 1e-12
"""Sums that differ by less are the same sum, added up in another order."""


def randomisation(differences: Values, permutations: int = 10_000, seed: int = 0) -> Values:
    """Shape (M,): two-sided p-values of mean differences. differences (N, M): per query, seeds averaged.

    Under the null hypothesis a query's difference is as likely with the other sign; p is the share of sign vectors whose mean is at
    least as far from zero, the observed one counted, so never zero.
    """
    draw = generator(seed, "randomisation")
    observed = np.abs(differences.mean(axis=0))
    beyond = np.ones(differences.shape[1])
    for start in range(0, permutations, BLOCK):
        size = (min(BLOCK, permutations - start), len(differences))
        signs = draw.integers(0, 2, size=size, dtype=np.int8).astype(np.float64) * 2 - 1
        beyond += (np.abs(signs @ differences) / len(differences) >= observed - TINY).sum(axis=0)
    p: Values = beyond / (permutations + 1)
    return p


def bootstrap(values: Values, resamples: int = 2000, seed: int = 0, level: float = 0.95) -> Values:
    """Shape (2, M): the interval of the mean. values (S, N, M): seeds × queries × measures; both are drawn again, with replacement."""
    return quantiles([values], [1.0], resamples, seed, level)


def bootstrap_difference(ours: Values, theirs: Values, resamples: int = 2000, seed: int = 0, level: float = 0.95) -> Values:
    """Shape (2, M): the interval of mean(ours) - mean(theirs), (S, N, M) and (S', N, M).

    The queries drawn are the same for both; so are the seeds where S = S', else each side's are drawn by themselves.
    """
    if len(ours) == len(theirs):
        return quantiles([ours - theirs], [1.0], resamples, seed, level)
    return quantiles([ours, theirs], [1.0, -1.0], resamples, seed, level)


def quantiles(parts: Sequence[Values], weights: Sequence[float], resamples: int, seed: int, level: float) -> Values:
    """Shape (2, M): quantiles of the weighted sum of the parts' means over drawn seeds and drawn queries."""
    draw = generator(seed, "bootstrap")
    count, measures = parts[0].shape[1:]
    means = np.zeros((resamples, measures))
    for start in range(0, resamples, BLOCK):
        size = min(BLOCK, resamples - start)
        queries = draw.multinomial(count, np.full(count, 1 / count), size=size).astype(np.float64) / count
        for part, weight in zip(parts, weights, strict=True):
            seeds = draw.multinomial(len(part), np.full(len(part), 1 / len(part)), size=size) / len(part)
            per_seed = np.stack([queries @ one for one in part], axis=1)  # (size, S, M)
            means[start : start + size] += weight * np.einsum("bs,bsm->bm", seeds, per_seed)
    tail = (1 - level) / 2
    interval: Values = np.quantile(means, [tail, 1 - tail], axis=0)
    return interval


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction, in the order given: the chance of even one false claim among all stays below the level."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    corrected, highest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = highest
    return corrected


def steps_to(history: Sequence[tuple[int, float]], target: float) -> int | None:
    """The first step at which a score of `target` was seen; None where it never was."""
    return next((step for step, score in sorted(history) if score >= target), None)

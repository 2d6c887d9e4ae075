"""Distributions of numbers: exact sums and sorted values, so that results do not depend on the order or the sizes of blocks."""

from __future__ import annotations

import math
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

BINS = 40
QUANTILES = (10, 25, 50, 75, 90)
RANK_BIN_STARTS = (1, 2, 3, 6, 11, 21, 51, 101, 201, 501, 1001)
"""The first rank of each bin; the last bin has no upper end."""

Quantiles = dict[str, float | None]


class Histogram(TypedDict):
    """E + 1 edges and E counts."""

    edges: list[float]
    counts: list[int]


class Spread(TypedDict):
    """A distribution. std: of the population; quantiles: by per cent; None where there are no values."""

    count: int
    mean: float | None
    std: float | None
    min: float | None
    quantiles: Quantiles
    max: float | None
    histogram: Histogram


class RankBin(TypedDict):
    """Ranks from `first` to `last`; None: no upper end."""

    first: int
    last: int | None
    count: int


class RankSpread(TypedDict):
    """A distribution of ranks. unranked: negatives that were not retrieved."""

    count: int
    unranked: int
    median: float | None
    quantiles: Quantiles
    histogram: list[RankBin]


def spread(values: NDArray[Any]) -> Spread:
    """The distribution of the finite values, with a histogram between their minimum and maximum.

    Without finite values every number is None and the histogram is empty.
    """
    finite = np.sort(values[np.isfinite(values)].astype(np.float64) + 0.0)  # -0.0 becomes 0.0: their order in a sort is not defined
    if not len(finite):
        empty: Histogram = {"edges": [], "counts": []}
        return {"count": 0, "mean": None, "std": None, "min": None, "quantiles": _no_quantiles(), "max": None, "histogram": empty}
    center = mean(finite)
    counts, edges = np.histogram(finite, bins=BINS, range=_range(finite))
    return {
        "count": len(finite),
        "mean": center,
        "std": math.sqrt(mean((finite - center) ** 2)),
        "min": float(finite[0]),
        "quantiles": quantiles(finite),
        "max": float(finite[-1]),
        "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
    }


def rank_spread(ranks: NDArray[Any]) -> RankSpread:
    """The distribution of ranks, with a histogram whose bins double in width; rank 0 means not retrieved."""
    ranked = np.sort(ranks[ranks > 0].astype(np.float64))
    counts = np.histogram(ranked, bins=[*RANK_BIN_STARTS, np.inf])[0].tolist()
    bin_ends = [first - 1 for first in RANK_BIN_STARTS[1:]] + [None]
    bins: list[RankBin] = [
        {"first": first, "last": last, "count": count} for first, last, count in zip(RANK_BIN_STARTS, bin_ends, counts, strict=True)
    ]
    by_percent = quantiles(ranked) if len(ranked) else _no_quantiles()
    return {
        "count": len(ranked),
        "unranked": int((ranks <= 0).sum()),
        "median": by_percent["50"],
        "quantiles": by_percent,
        "histogram": bins,
    }


def _no_quantiles() -> Quantiles:
    return dict.fromkeys(str(q) for q in QUANTILES)


def quantiles(ordered: NDArray[np.float64]) -> Quantiles:
    """The quantiles by per cent, with linear interpolation."""
    return {str(q): float(value) for q, value in zip(QUANTILES, np.quantile(ordered, np.array(QUANTILES) / 100), strict=True)}


def mean(values: NDArray[np.float64]) -> float:
    """The mean by an exact sum, which is rounded once: independent of the order of the values."""
    return math.fsum(value for part in np.array_split(values, -(-len(values) // 65536)) for value in part.tolist()) / len(values)


def share(part: int, whole: int) -> float | None:
    """`part / whole`; None where `whole` is 0."""
    return part / whole if whole else None


def gini(counts: NDArray[np.int64]) -> float | None:
    """The Gini coefficient: 0 where all counts are equal, near 1 where one has nearly all. Integers up to the last division."""
    ordered = np.sort(counts).tolist()
    if not ordered:
        return None
    weighted: int = sum(rank * count for rank, count in enumerate(ordered, start=1))
    total, size = sum(ordered), len(ordered)
    return float((2 * weighted - (size + 1) * total) / (size * total))


def _range(ordered: NDArray[np.float64]) -> tuple[float, float]:
    """The minimum and maximum, widened where they are too close for bins."""
    low, high = float(ordered[0]), float(ordered[-1])
    width = max(abs(low), abs(high), 1e-30) * 1e-9
    return (low, high) if high - low > width else (low - width, high + width)

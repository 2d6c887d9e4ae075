"""How numbers are spread: exact sums and sorted values, so that neither the order nor the cuts they came in can be seen."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 40
QUANTILES = (10, 25, 50, 75, 90)
RANKS = (1, 2, 3, 6, 11, 21, 51, 101, 201, 501, 1001)
"""Where the bins of ranks begin; the last one is open."""


def spread(values: NDArray[Any]) -> dict[str, Any]:
    """count, mean, std (of the population), min, quantiles in per cent, max, and a histogram over the values' own range.

    Values that are not finite are left out; with none left every number is None and the histogram is empty.
    """
    finite = np.sort(values[np.isfinite(values)].astype(np.float64) + 0.0)  # -0.0 becomes 0.0: sorting does not tell them apart
    if not len(finite):
        nothing = dict.fromkeys(str(q) for q in QUANTILES)
        empty: dict[str, list[float]] = {"edges": [], "counts": []}
        return {"count": 0, "mean": None, "std": None, "min": None, "quantiles": nothing, "max": None, "histogram": empty}
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


def rank_spread(ranks: NDArray[Any]) -> dict[str, Any]:
    """count, quantiles and a histogram in steps of about a factor two; unranked: those that were not retrieved (rank 0)."""
    ranked = np.sort(ranks[ranks > 0].astype(np.float64))
    counts = np.histogram(ranked, bins=[*RANKS, np.inf])[0].tolist()
    lasts = [first - 1 for first in RANKS[1:]] + [None]
    bins = [{"first": first, "last": last, "count": count} for first, last, count in zip(RANKS, lasts, counts, strict=True)]
    middle = quantiles(ranked) if len(ranked) else dict.fromkeys(str(q) for q in QUANTILES)
    return {"count": len(ranked), "unranked": int((ranks <= 0).sum()), "median": middle["50"], "quantiles": middle, "histogram": bins}


def quantiles(ordered: NDArray[np.float64]) -> dict[str, float | None]:
    """The quantiles by per cent, linear between neighbours."""
    return {str(q): float(value) for q, value in zip(QUANTILES, np.quantile(ordered, np.array(QUANTILES) / 100), strict=True)}


def mean(values: NDArray[np.float64]) -> float:
    """The exact sum, rounded once, by the count: the same for every order of the values."""
    return math.fsum(value for part in np.array_split(values, -(-len(values) // 65536)) for value in part.tolist()) / len(values)


def share(part: int, whole: int) -> float | None:
    """`part / whole`; None of nothing."""
    return part / whole if whole else None


def gini(counts: NDArray[np.int64]) -> float | None:
    """0 where all counts are equal, near 1 where one has nearly all. Whole numbers until the last step."""
    ordered = np.sort(counts).tolist()
    if not ordered:
        return None
    weighted: int = sum(place * count for place, count in enumerate(ordered, start=1))
    total, size = sum(ordered), len(ordered)
    return float((2 * weighted - (size + 1) * total) / (size * total))


def _range(ordered: NDArray[np.float64]) -> tuple[float, float]:
    """The values' own range, widened where it is too narrow to be cut into bins."""
    low, high = float(ordered[0]), float(ordered[-1])
    slack = max(abs(low), abs(high), 1e-30) * 1e-9
    return (low, high) if high - low > slack else (low - slack, high + slack)

"""How much two sets of negatives share, and how scores and ranks moved between them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from miner.comparison.matching import Pairs, Space, query_of
from miner.comparison.run_side import Fates
from miner.report.distribution import mean, quantiles, share, spread
from miner.types import Ints

Told = dict[str, Any]


def overlap(negatives: list[Pairs], space: Space) -> Told:
    """Shares of negatives in common, query by query: Jaccard of all, and of the first n of each (by the longer list)."""
    first, second = negatives
    deepest = max([1, *(int(side.places.max(initial=0)) + 1 for side in negatives)])
    sizes = sorted({n for n in (1, 2, 4, 8, 16, 32, 64) if n < deepest} | {deepest})
    counts = [np.bincount(query_of(side.keys, space), minlength=len(space.common)) for side in negatives]
    both = np.bincount(query_of(np.intersect1d(first.keys, second.keys), space), minlength=len(space.common))
    either = counts[0] + counts[1] - both
    jaccard = np.sort(both[either > 0] / either[either > 0])
    return {
        "shared": int(both.sum()),
        "negatives": [int(side.sum()) for side in counts],
        "jaccard": {"mean": mean(jaccard) if len(jaccard) else None, "quantiles": quantiles(jaccard) if len(jaccard) else None},
        "same": share(int((jaccard == 1).sum()), len(jaccard)),
        "disjoint": share(int((jaccard == 0).sum()), len(jaccard)),
        "at": {str(n): _overlap_at(negatives, space, n) for n in sizes},
    }


def _overlap_at(negatives: list[Pairs], space: Space, n: int) -> float | None:
    first, second = (side.keys[side.places < n] for side in negatives)
    counts = [np.bincount(query_of(keys, space), minlength=len(space.common)) for keys in (first, second, np.intersect1d(first, second))]
    longer, both = np.maximum(counts[0], counts[1]), counts[2]
    return mean(np.sort(both[longer > 0] / longer[longer > 0])) if (longer > 0).any() else None


def drift(negatives: list[Pairs], positives: list[Pairs], missing: tuple[Ints, Ints], fates: list[Fates]) -> Told:
    """Score in the second less score in the first, of pairs that both have: known positives; negatives of either that both retrieved."""
    both = np.intersect1d(negatives[0].keys, negatives[1].keys)
    before = [_at(negatives[0], both), _at(negatives[0], missing[0]), fates[0].scores]
    after = [_at(negatives[1], both), fates[1].scores, _at(negatives[1], missing[1])]
    known = np.intersect1d(positives[0].keys, positives[1].keys)
    return {
        "negatives": _moved(np.concatenate(before), np.concatenate(after)),
        "positives": _moved(_at(positives[0], known), _at(positives[1], known)),
    }


def _moved(before: NDArray[np.float64], after: NDArray[np.float64]) -> Told:
    finite = np.isfinite(before) & np.isfinite(after)
    before, after = before[finite], after[finite]
    varies = len(before) > 1 and before.std() > 0 and after.std() > 0
    return {**spread(after - before), "correlation": float(np.corrcoef(before, after)[0, 1]) if varies else None}


def _at(pairs: Pairs, keys: Ints) -> NDArray[np.float64]:
    return pairs.scores[np.searchsorted(pairs.keys, keys)]


def shift(positives: list[Pairs]) -> Told:
    """Ranks of the known positives that both have; 0 stands behind all of what was retrieved."""
    known = np.intersect1d(positives[0].keys, positives[1].keys)
    ranks = [side.ranks[np.searchsorted(side.keys, known)] for side in positives]
    order = [np.where(side > 0, side, np.iinfo(np.int64).max) for side in ranks]
    return {
        "pairs": len(known),
        "retrieved": [int((side > 0).sum()) for side in ranks],
        "median": [float(np.median(side[side > 0])) if (side > 0).any() else None for side in ranks],
        "first": [int((side == 1).sum()) for side in ranks],
        "better": int((order[1] < order[0]).sum()),
        "worse": int((order[1] > order[0]).sum()),
        "same": int((order[1] == order[0]).sum()),
    }

"""Measures the overlap of two sets of negatives, and the change of scores and ranks between them."""

from __future__ import annotations

from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from miner.comparison.matching import Pairs, Space, query_of
from miner.comparison.run_side import Fates
from miner.report.distribution import Spread, mean, quantiles, share, spread
from miner.types import Ints


class Jaccard(TypedDict):
    """Mean and quantiles (by per cent) over queries; None without queries."""

    mean: float | None
    quantiles: dict[str, float | None] | None


class Overlap(TypedDict):
    """Numbers of shared and of all negatives; shares of queries with the same or no common negatives; overlap@n."""

    shared: int
    negatives: list[int]
    jaccard: Jaccard
    same: float | None
    disjoint: float | None
    at: dict[str, float | None]


class ScoreChange(Spread):
    """Differences of scores, and the correlation of the scores of both runs."""

    correlation: float | None


class RankShift(TypedDict):
    """Ranks of known positives: numbers of pairs, retrieved and first-ranked of each run, median ranks, better and worse in the second."""

    pairs: int
    retrieved: list[int]
    median: list[float | None]
    first: list[int]
    better: int
    worse: int
    same: int


def overlap(negatives: list[Pairs], space: Space) -> Overlap:
    """The overlap of negatives by query: Jaccard of all negatives, and the shared ones of the first n over the longer list."""
    first, second = negatives
    max_count = max([1, *(int(side.places.max(initial=0)) + 1 for side in negatives)])
    sizes = sorted({n for n in (1, 2, 4, 8, 16, 32, 64) if n < max_count} | {max_count})
    counts = [np.bincount(query_of(side.keys, space), minlength=len(space.common)) for side in negatives]
    shared = np.bincount(query_of(np.intersect1d(first.keys, second.keys), space), minlength=len(space.common))
    union = counts[0] + counts[1] - shared
    jaccard = np.sort(shared[union > 0] / union[union > 0])
    return {
        "shared": int(shared.sum()),
        "negatives": [int(side.sum()) for side in counts],
        "jaccard": {"mean": mean(jaccard) if len(jaccard) else None, "quantiles": quantiles(jaccard) if len(jaccard) else None},
        "same": share(int((jaccard == 1).sum()), len(jaccard)),
        "disjoint": share(int((jaccard == 0).sum()), len(jaccard)),
        "at": {str(n): _overlap_at(negatives, space, n) for n in sizes},
    }


def _overlap_at(negatives: list[Pairs], space: Space, n: int) -> float | None:
    first, second = (side.keys[side.places < n] for side in negatives)
    counts = [np.bincount(query_of(keys, space), minlength=len(space.common)) for keys in (first, second, np.intersect1d(first, second))]
    longer, shared = np.maximum(counts[0], counts[1]), counts[2]
    return mean(np.sort(shared[longer > 0] / longer[longer > 0])) if (longer > 0).any() else None


def drift(negatives: list[Pairs], positives: list[Pairs], missing: tuple[Ints, Ints], fates: list[Fates]) -> dict[str, ScoreChange]:
    """Score in the second run less score in the first: of known positives, and of negatives of either run that both retrieved."""
    common = np.intersect1d(negatives[0].keys, negatives[1].keys)
    before = [_scores_of(negatives[0], common), _scores_of(negatives[0], missing[0]), fates[0].scores]
    after = [_scores_of(negatives[1], common), fates[1].scores, _scores_of(negatives[1], missing[1])]
    common_positives = np.intersect1d(positives[0].keys, positives[1].keys)
    return {
        "negatives": _score_change(np.concatenate(before), np.concatenate(after)),
        "positives": _score_change(_scores_of(positives[0], common_positives), _scores_of(positives[1], common_positives)),
    }


def _score_change(before: NDArray[np.float64], after: NDArray[np.float64]) -> ScoreChange:
    finite = np.isfinite(before) & np.isfinite(after)
    before, after = before[finite], after[finite]
    varies = len(before) > 1 and before.std() > 0 and after.std() > 0
    return {**spread(after - before), "correlation": float(np.corrcoef(before, after)[0, 1]) if varies else None}


def _scores_of(pairs: Pairs, keys: Ints) -> NDArray[np.float64]:
    return pairs.scores[np.searchsorted(pairs.keys, keys)]


def shift(positives: list[Pairs]) -> RankShift:
    """The change of ranks of the known positives of both runs; one that was not retrieved counts as below all others."""
    common = np.intersect1d(positives[0].keys, positives[1].keys)
    ranks = [side.ranks[np.searchsorted(side.keys, common)] for side in positives]
    order = [np.where(side > 0, side, np.iinfo(np.int64).max) for side in ranks]
    return {
        "pairs": len(common),
        "retrieved": [int((side > 0).sum()) for side in ranks],
        "median": [float(np.median(side[side > 0])) if (side > 0).any() else None for side in ranks],
        "first": [int((side == 1).sum()) for side in ranks],
        "better": int((order[1] < order[0]).sum()),
        "worse": int((order[1] > order[0]).sum()),
        "same": int((order[1] == order[0]).sum()),
    }

"""Statistics of mined negatives: counts, hardness and hubs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

import numpy as np

from miner.report.cases import clip
from miner.report.distribution import gini, mean, share
from miner.report.selection import ChosenNegatives, IncompleteQueries
from miner.types import Dataset, Ints, Priority

TIERS = 6
TEMPERATURE = 0.05
"""Temperature of the softmax that most contrastive losses train cosines with."""
MAX_CELLS = 1 << 22
"""Scores of pairs × negatives that are in memory at a time."""
MAX_HUBS = 10


class ReportCounts(TypedDict):
    """Numbers of queries, pairs, candidates and negatives.

    judged: candidates. dropped: candidates by filter. tiers: negatives by fallback level.
    rows: pairs with all M, with any and without negatives.
    """

    queries: int
    anchors: int
    pairs: int
    judged: int
    dropped: dict[str, int]
    kept: int
    chosen: int
    above_positive: int
    tiers: dict[str, int]
    rows: dict[str, int]
    relaxed: NotRequired[dict[str, int]]
    ran_short: NotRequired[IncompleteQueries]


class Hardness(TypedDict):
    """See `hardness_of`; None where nothing was measured."""

    gap: float | None
    triplet_error: float | None
    gradient_mass: float | None


class Hub(TypedDict):
    """A passage and the number of anchors that it is a negative of. text: reports of before have none."""

    id: str
    text: NotRequired[str]
    uses: int


class Hubs(TypedDict):
    """Reuse of passages.

    top_percent_share: the share of the uses that the most used 1 % of the used passages have.
    cap, passages_at_cap, passed_over: the hub cap, passages that reached it, and how often an anchor was refused one.
    """

    passages_used: int
    uses: int
    most_used: list[Hub]
    top_percent_share: float | None
    gini: float | None
    cap: NotRequired[int]
    passages_at_cap: NotRequired[int]
    passed_over: NotRequired[int]


def counts_of(negatives: ChosenNegatives, setup: Mapping[str, Any], codes: Ints) -> ReportCounts:
    """Numbers of queries, pairs, candidates and negatives.

    setup: of the tally.
    codes: int64 (256,), the number of candidates by code: 0 kept, else the position of the filter that dropped it.
    """
    dropped = {name: int(codes[code]) for code, name in enumerate(setup["filters"], start=1)}
    per_pair = negatives.counts[negatives.pair_anchors]
    rows = {"all": per_pair >= negatives.width, "any": per_pair > 0, "none": per_pair == 0}
    tiers = np.bincount(negatives.tiers[negatives.is_negative], minlength=TIERS)
    return {
        "queries": len(np.unique(negatives.queries)),
        "anchors": len(negatives.queries),
        "pairs": len(negatives.pair_anchors),
        "judged": int(codes[:255].sum()),
        "dropped": dropped,
        "kept": int(codes[0]),
        "chosen": int(negatives.counts.sum()),
        "above_positive": int((negatives.margins < 0).sum()),
        "tiers": {str(tier): int(count) for tier, count in enumerate(tiers)},
        "rows": {name: int(has_negatives.sum()) for name, has_negatives in rows.items()},
    }


def hardness_of(negatives: ChosenNegatives, similarity: str) -> Hardness:
    """The hardness of the negatives for the model that mined them.

    gap: mean margin.
    triplet_error: share of negatives that score above the weakest positive.
    gradient_mass: mean over rows of 1 - softmax(positive | positive, negatives) at temperature 0.05, the remaining part of the loss's
        gradient; for cosines only.
    """
    margins = np.sort(negatives.margins[np.isfinite(negatives.margins)])
    mass = _gradient_masses(negatives) if similarity == "cosine" else np.zeros(0)
    return {
        "gap": mean(margins) if len(margins) else None,
        "triplet_error": share(int((margins < 0).sum()), len(margins)),
        "gradient_mass": mean(mass) if len(mass) else None,
    }


def hubs_of(negatives: ChosenNegatives, dataset: Dataset) -> Hubs:
    """Passages that are negatives of many anchors: uses are counted per anchor, shares are of the passages that are used."""
    rows, uses = np.unique(negatives.rows[negatives.is_negative], return_counts=True)
    descending = np.sort(uses)[::-1]
    total, top_count = int(uses.sum()), -(-len(uses) // 100)
    min_uses = descending[min(MAX_HUBS, len(uses)) - 1] if len(uses) else 0
    hub_places = np.flatnonzero(uses >= min_uses)
    hub_rows = rows[hub_places]
    hubs = sorted(zip((-uses[hub_places]).tolist(), dataset.corpus.ids(hub_rows), hub_rows.tolist(), strict=True))[:MAX_HUBS]
    texts = dataset.corpus.texts([row for *_, row in hubs]) if hubs else []
    return {
        "passages_used": len(rows),
        "uses": total,
        "most_used": [{"id": name, "text": clip(text), "uses": -count} for (count, name, _), text in zip(hubs, texts, strict=True)],
        "top_percent_share": share(int(descending[:top_count].sum()), total),
        "gini": gini(uses),
    }


def _gradient_masses(negatives: ChosenNegatives) -> Priority:
    """Shape (R',): the gradient mass of every pair with a known positive score and a negative."""
    useful = np.flatnonzero(np.isfinite(negatives.pair_scores) & (negatives.counts[negatives.pair_anchors] > 0))
    masses = [np.zeros(0)]
    for pairs in np.array_split(useful, len(useful) * negatives.width // MAX_CELLS + 1):
        positive = negatives.pair_scores[pairs].astype(np.float64)[:, None]
        anchors = negatives.pair_anchors[pairs]
        negative = np.where(negatives.is_negative[anchors], negatives.scores[anchors].astype(np.float64), -np.inf)
        highest = np.maximum(positive, negative.max(axis=1, keepdims=True))
        weights = np.exp((negative - highest) / TEMPERATURE).sum(axis=1)
        masses.append(weights / (weights + np.exp((positive - highest) / TEMPERATURE)[:, 0]))
    return np.concatenate(masses)

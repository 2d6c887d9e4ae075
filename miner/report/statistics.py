"""Counts, hardness and hubs: one number for each question people ask of a mined file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from miner.report.distribution import gini, mean, share
from miner.report.selection import Chosen
from miner.types import Dataset, Ints, Priority

TIERS = 6
TAU = 0.05
"""Temperature of the softmax that most contrastive losses train cosines with."""
CELLS = 1 << 22
"""Numbers held at a time where every pair meets its negatives."""
HUBS = 10


def counts_of(chosen: Chosen, setup: Mapping[str, Any], codes: Ints) -> dict[str, Any]:
    """How much of everything; `judged` is what was dropped, by filter, and what was kept."""
    dropped = {name: int(codes[code]) for code, name in enumerate(setup["filters"], start=1)}
    per_pair = chosen.counts[chosen.pair_anchors]
    rows = {"all": per_pair >= chosen.width, "any": per_pair > 0, "none": per_pair == 0}
    tiers = np.bincount(chosen.tiers[chosen.found], minlength=TIERS)
    return {
        "queries": len(np.unique(chosen.queries)),
        "anchors": len(chosen.queries),
        "pairs": len(chosen.pair_anchors),
        "judged": int(codes[:255].sum()),
        "dropped": dropped,
        "kept": int(codes[0]),
        "chosen": int(chosen.counts.sum()),
        "above_positive": int((chosen.margins < 0).sum()),
        "tiers": {str(tier): int(count) for tier, count in enumerate(tiers)},
        "rows": {name: int(where.sum()) for name, where in rows.items()},
    }


def hardness_of(chosen: Chosen, similarity: str) -> dict[str, float | None]:
    """How hard the negatives are for the model that mined them.

    gap: mean margin. triplet_error: share of negatives that score above the weakest positive. gradient_mass: mean over rows of
    1 - softmax(positive | positive, negatives) at temperature 0.05, the part of the loss's gradient still to be had; cosines only.
    """
    margins = np.sort(chosen.margins[np.isfinite(chosen.margins)])
    mass = _masses(chosen) if similarity == "cosine" else np.zeros(0)
    return {
        "gap": mean(margins) if len(margins) else None,
        "triplet_error": share(int((margins < 0).sum()), len(margins)),
        "gradient_mass": mean(mass) if len(mass) else None,
    }


def hubs_of(chosen: Chosen, dataset: Dataset) -> dict[str, Any]:
    """Passages that are a negative again and again: uses are counted per anchor, shares among the passages that are used."""
    rows, uses = np.unique(chosen.rows[chosen.found], return_counts=True)
    descending = np.sort(uses)[::-1]
    total, top = int(uses.sum()), -(-len(uses) // 100)
    at_least = descending[min(HUBS, len(uses)) - 1] if len(uses) else 0
    often = np.flatnonzero(uses >= at_least)
    most = sorted(zip((-uses[often]).tolist(), dataset.corpus.ids(rows[often]), strict=True))[:HUBS]
    return {
        "passages_used": len(rows),
        "uses": total,
        "most_used": [{"id": name, "uses": -count} for count, name in most],
        "top_percent_share": share(int(descending[:top].sum()), total),
        "gini": gini(uses),
    }


def _masses(chosen: Chosen) -> Priority:
    """Shape (R',): the gradient mass of every pair with a known score and a negative."""
    useful = np.flatnonzero(np.isfinite(chosen.pair_scores) & (chosen.counts[chosen.pair_anchors] > 0))
    masses = [np.zeros(0)]
    for pairs in np.array_split(useful, len(useful) * chosen.width // CELLS + 1):
        positive = chosen.pair_scores[pairs].astype(np.float64)[:, None]
        anchors = chosen.pair_anchors[pairs]
        negative = np.where(chosen.found[anchors], chosen.scores[anchors].astype(np.float64), -np.inf)
        highest = np.maximum(positive, negative.max(axis=1, keepdims=True))
        weights = np.exp((negative - highest) / TAU).sum(axis=1)
        masses.append(weights / (weights + np.exp((positive - highest) / TAU)[:, 0]))
    return np.concatenate(masses)

"""Cases worth a look, named by id: queries that starved, positives the model does not find, and a few whole rows chosen by hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from miner.report.selection import Chosen
from miner.types import Dataset, Ints

CLIP = 300


def starved_of(chosen: Chosen, dataset: Dataset, setup: Mapping[str, Any], most: int) -> dict[str, Any]:
    """Queries for which the strict pass found fewer than M: those with the fewest first, and the filter that dropped most of theirs."""
    anchors = chosen.starved_anchors
    strict = (chosen.found[anchors] & (chosen.tiers[anchors] == 0)).sum(axis=1)
    queries, places = np.unique(chosen.queries[anchors], return_inverse=True)
    found = np.full(len(queries), chosen.width)
    np.minimum.at(found, places, strict)
    reasons = np.zeros((len(queries), len(setup["filters"])), np.int64)
    np.add.at(reasons, places, chosen.starved_reasons)
    cases = sorted(zip(found.tolist(), dataset.queries.ids(queries), range(len(queries)), strict=True))[:most]
    shown = [{"id": name, "found": count, "reason": _strongest(reasons[place], setup)} for count, name, place in cases]
    return {"total": len(queries), "examples": shown}


def suspicious_of(chosen: Chosen, dataset: Dataset, depth: int, most: int) -> dict[str, Any]:
    """Known positives the model ranks beyond `depth`: a wrong judgement, or a query it does not understand. Lowest scores first."""
    pairs = np.flatnonzero(chosen.pair_beyond)
    scores = chosen.pair_scores[pairs].astype(np.float64)
    if len(pairs) > most:  # no need for the ids of all: whatever ties with the last shown stays in
        lowest = scores <= np.partition(scores, most - 1)[most - 1] if most else np.zeros(len(pairs), np.bool_)
        pairs, scores = pairs[lowest], scores[lowest]
    query_ids = dataset.queries.ids(chosen.queries[chosen.pair_anchors[pairs]])
    positive_ids = dataset.corpus.ids(chosen.pair_rows[pairs])
    cases = sorted(zip(scores.tolist(), query_ids, positive_ids, strict=True))[:most]
    reason = f"ranked beyond {depth}"
    shown = [
        {"query_id": query, "positive_id": positive, "score": _finite(np.float32(score)), "reason": reason}
        for score, query, positive in cases
    ]
    return {"total": int(chosen.pair_beyond.sum()), "examples": shown}


def examples_of(chosen: Chosen, dataset: Dataset, most: int) -> list[dict[str, Any]]:
    """Whole rows of the queries whose ids have the smallest hashes, whatever the order they came in."""
    queries = np.unique(chosen.queries)
    hashed = sorted(
        (hashlib.sha256(name.encode()).digest(), row) for name, row in zip(dataset.queries.ids(queries), queries.tolist(), strict=True)
    )
    return [_example(chosen, dataset, row) for _, row in hashed[:most]]


def _example(chosen: Chosen, dataset: Dataset, query: int) -> dict[str, Any]:
    """One query with its weakest positive (by score, then id) and that anchor's negatives."""
    pairs = np.flatnonzero(np.isin(chosen.pair_anchors, np.flatnonzero(chosen.queries == query)))
    ids = dataset.corpus.ids(chosen.pair_rows[pairs])
    scores = [_finite(score) for score in chosen.pair_scores[pairs]]
    order = sorted(range(len(pairs)), key=lambda place: (scores[place] is None, scores[place] or 0.0, ids[place]))
    case: dict[str, Any] = {"query_id": dataset.queries.ids([query])[0], "query": _clip(dataset.queries.texts([query])[0])}
    if not order:
        return case | {"positive": None, "negatives": []}
    pair = pairs[order[0]]
    text = _clip(dataset.corpus.texts([int(chosen.pair_rows[pair])])[0])
    case["positive"] = {"id": ids[order[0]], "text": text, "score": scores[order[0]], "of": len(pairs)}
    return case | {"negatives": _negatives(chosen, dataset, int(chosen.pair_anchors[pair]))}


def _negatives(chosen: Chosen, dataset: Dataset, anchor: int) -> list[dict[str, Any]]:
    places: Ints = np.flatnonzero(chosen.found[anchor])
    rows = chosen.rows[anchor, places]
    return [
        {"id": name, "text": _clip(text), "score": _finite(score), "rank": int(rank), "tier": int(tier)}
        for name, text, score, rank, tier in zip(
            dataset.corpus.ids(rows),
            dataset.corpus.texts(rows),
            chosen.scores[anchor, places],
            chosen.ranks[anchor, places],
            chosen.tiers[anchor, places],
            strict=True,
        )
    ]


def _strongest(reasons: Ints, setup: Mapping[str, Any]) -> str | None:
    """The filter that dropped most, the first of equals; None where nothing was dropped: there was too little to choose from."""
    return setup["filters"][int(np.argmax(reasons))] if reasons.any() else None


def _finite(score: np.float32) -> float | None:
    return float(str(score)) if np.isfinite(score) else None


def _clip(text: str) -> str:
    return text if len(text) <= CLIP else text[: CLIP - 1] + "…"

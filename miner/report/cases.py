"""Cases to inspect: short queries, positives that the model ranks low, and example rows drawn by a hash of the query id."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

import numpy as np

from miner.report.selection import ChosenNegatives
from miner.types import Dataset, Ints

MAX_TEXT_CHARS = 300


class ShortQuery(TypedDict):
    """A query with fewer than M negatives under the strict rules. reason: the filter that dropped most of its candidates.

    query: its text; reports of before have none.
    """

    id: str
    query: NotRequired[str]
    found: int
    reason: str | None


class ShortQueries(TypedDict):
    """All such queries counted, and the first of them."""

    total: int
    examples: list[ShortQuery]


class SuspiciousPositive(TypedDict):
    """A known positive with a low rank. query, positive: the texts; reports of before have none."""

    query_id: str
    query: NotRequired[str]
    positive_id: str
    positive: NotRequired[str]
    score: float | None
    reason: str


class SuspiciousPositives(TypedDict):
    """All such positives counted, and the first of them."""

    total: int
    examples: list[SuspiciousPositive]


class ExamplePositive(TypedDict):
    """The weakest of `of` positives."""

    id: str
    text: str
    score: float | None
    of: int


class ExampleNegative(TypedDict):
    """A negative. rank: 1-based; tier: the fallback level."""

    id: str
    text: str
    score: float | None
    rank: int
    tier: int


class ExampleRow(TypedDict):
    """A query with its weakest positive and the negatives of that anchor."""

    query_id: str
    query: str
    positive: ExamplePositive | None
    negatives: list[ExampleNegative]


def short_queries(negatives: ChosenNegatives, dataset: Dataset, setup: Mapping[str, Any], limit: int) -> ShortQueries:
    """Queries with fewer than M negatives under the strict rules, the fewest first, each with the filter that dropped most candidates."""
    anchors = negatives.short_anchors
    strict = (negatives.is_negative[anchors] & (negatives.tiers[anchors] == 0)).sum(axis=1)
    queries, query_positions = np.unique(negatives.queries[anchors], return_inverse=True)
    counts_per_query = np.full(len(queries), negatives.width)
    np.minimum.at(counts_per_query, query_positions, strict)
    reasons = np.zeros((len(queries), len(setup["filters"])), np.int64)
    np.add.at(reasons, query_positions, negatives.short_drops)
    shortest = sorted(zip(counts_per_query.tolist(), dataset.queries.ids(queries), range(len(queries)), strict=True))[:limit]
    texts = dataset.queries.texts(queries[[query for _, _, query in shortest]]) if shortest else []
    examples: list[ShortQuery] = [
        {"id": name, "query": clip(text), "found": count, "reason": _main_reason(reasons[query], setup)}
        for (count, name, query), text in zip(shortest, texts, strict=True)
    ]
    return {"total": len(queries), "examples": examples}


def suspicious_of(negatives: ChosenNegatives, dataset: Dataset, depth: int, limit: int) -> SuspiciousPositives:
    """Known positives that the model ranks beyond `depth`: wrong judgements, or queries it does not understand. Lowest scores first."""
    pairs = np.flatnonzero(negatives.pair_beyond)
    scores = negatives.pair_scores[pairs].astype(np.float64)
    if len(pairs) > limit:  # ids are read of the lowest scores only; ties with the last of them stay
        lowest = scores <= np.partition(scores, limit - 1)[limit - 1] if limit else np.zeros(len(pairs), np.bool_)
        pairs, scores = pairs[lowest], scores[lowest]
    queries, passages = negatives.queries[negatives.pair_anchors[pairs]], negatives.pair_rows[pairs]
    ids = zip(dataset.queries.ids(queries), dataset.corpus.ids(passages), strict=True)
    cases = sorted((score, *names, place) for place, (score, names) in enumerate(zip(scores.tolist(), ids, strict=True)))[:limit]
    places = [place for *_, place in cases]
    texts = zip(dataset.queries.texts(queries[places]), dataset.corpus.texts(passages[places]), strict=True) if places else ()
    examples: list[SuspiciousPositive] = [
        {
            "query_id": query_id,
            "query": clip(query),
            "positive_id": positive_id,
            "positive": clip(positive),
            "score": _finite(np.float32(score)),
            "reason": f"ranked beyond {depth}",
        }
        for (score, query_id, positive_id, _), (query, positive) in zip(cases, texts, strict=True)
    ]
    return {"total": int(negatives.pair_beyond.sum()), "examples": examples}


def examples_of(negatives: ChosenNegatives, dataset: Dataset, limit: int) -> list[ExampleRow]:
    """Example rows of the queries whose ids have the smallest hashes, independent of the order of blocks."""
    queries = np.unique(negatives.queries)
    order = sorted(
        (hashlib.sha256(name.encode()).digest(), row) for name, row in zip(dataset.queries.ids(queries), queries.tolist(), strict=True)
    )
    return [_example(negatives, dataset, row) for _, row in order[:limit]]


def _example(negatives: ChosenNegatives, dataset: Dataset, query: int) -> ExampleRow:
    """One query with its weakest positive (by score, then id) and that anchor's negatives."""
    pairs = np.flatnonzero(np.isin(negatives.pair_anchors, np.flatnonzero(negatives.queries == query)))
    ids = dataset.corpus.ids(negatives.pair_rows[pairs])
    scores = [_finite(score) for score in negatives.pair_scores[pairs]]
    order = sorted(range(len(pairs)), key=lambda pair_index: (scores[pair_index] is None, scores[pair_index] or 0.0, ids[pair_index]))
    query_id, text = dataset.queries.ids([query])[0], clip(dataset.queries.texts([query])[0])
    if not order:
        return {"query_id": query_id, "query": text, "positive": None, "negatives": []}
    pair = pairs[order[0]]
    return {
        "query_id": query_id,
        "query": text,
        "positive": {
            "id": ids[order[0]],
            "text": clip(dataset.corpus.texts([int(negatives.pair_rows[pair])])[0]),
            "score": scores[order[0]],
            "of": len(pairs),
        },
        "negatives": _negatives(negatives, dataset, int(negatives.pair_anchors[pair])),
    }


def _negatives(negatives: ChosenNegatives, dataset: Dataset, anchor: int) -> list[ExampleNegative]:
    places: Ints = np.flatnonzero(negatives.is_negative[anchor])
    rows = negatives.rows[anchor, places]
    return [
        {"id": name, "text": clip(text), "score": _finite(score), "rank": int(rank), "tier": int(tier)}
        for name, text, score, rank, tier in zip(
            dataset.corpus.ids(rows),
            dataset.corpus.texts(rows),
            negatives.scores[anchor, places],
            negatives.ranks[anchor, places],
            negatives.tiers[anchor, places],
            strict=True,
        )
    ]


def _main_reason(reasons: Ints, setup: Mapping[str, Any]) -> str | None:
    """The filter that dropped most candidates, the first of equal ones; None where there were too few candidates and none was dropped."""
    return setup["filters"][int(np.argmax(reasons))] if reasons.any() else None


def _finite(score: np.float32) -> float | None:
    return float(str(score)) if np.isfinite(score) else None


def clip(text: str) -> str:
    """The beginning of a long text."""
    return text if len(text) <= MAX_TEXT_CHARS else text[: MAX_TEXT_CHARS - 1] + "…"

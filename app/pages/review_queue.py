"""The review queue: which query comes next, with its candidates and their verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from app.errors import NotFound
from app.pages.run_survey import survey_of
from app.storage.reviews import Review
from miner.analysis.explain import explain
from miner.runs.run import Run

Order = Literal["suspicious", "sample"]
SHOWN_CANDIDATES = 20
"""Candidates that are shown by their rank. A chosen one is shown at any rank."""


class PassageText(TypedDict):
    """A query or a passage."""

    id: str
    text: str


class Positive(PassageText):
    """A positive of the query. rank: 1-based; None: it was not retrieved."""

    score: float | None
    rank: int | None


class Candidate(PassageText):
    """A candidate of the query, as `miner.analysis.explain` describes it."""

    score: float | None
    rank: int
    margin: float | None
    status: Literal["chosen", "kept", "dropped"]
    dropped_by: str | None
    why: str | None


@dataclass(frozen=True)
class ReviewItem:
    """One query under review.

    index: its position in the queue of `length`; None: the client named the query.
    focus: the id of the passage to start at.
    verdicts: the current review of each passage, by id.
    """

    order: Order
    index: int | None
    length: int
    query: PassageText
    focus: str | None
    positives: list[Positive]
    candidates: list[Candidate]
    verdicts: dict[str, Review]


def review_item(run: Run, reviews: Sequence[Review], order: Order, index: int | None, query_id: str | None) -> ReviewItem:
    """The item of a query, or at an index of the queue; with neither, the first item without a verdict. NotFound beyond the end."""
    queue = survey_of(run)[order]
    verdicts = {(review.query_id, review.passage_id): review for review in reviews}
    if query_id is None and index is None:
        pairs = [(case["query_id"], case["passage_id"]) for case in queue]
        index = next((position for position, pair in enumerate(pairs) if pair not in verdicts), max(0, len(queue) - 1))
    if query_id is None and not (index is not None and 0 <= index < len(queue)):
        raise NotFound("the review queue has no such position")
    case: Mapping[str, Any] = queue[index] if query_id is None and index is not None else {"query_id": query_id, "passage_id": None}
    explanation = explain(run, case["query_id"])
    return ReviewItem(
        order,
        index if query_id is None else None,
        len(queue),
        explanation["query"],
        case["passage_id"],
        _positives(explanation["anchors"]),
        _candidates(explanation["anchors"], case["passage_id"]),
        {passage: review for (query, passage), review in verdicts.items() if query == case["query_id"]},
    )


def _positives(anchors: Sequence[Mapping[str, Any]]) -> list[Positive]:
    """The distinct positives, the best score first."""
    positives: dict[str, Positive] = {positive["id"]: positive for anchor in anchors for positive in anchor["positives"]}
    return sorted(positives.values(), key=lambda positive: -(positive["score"] if positive["score"] is not None else float("-inf")))


def _candidates(anchors: Sequence[Mapping[str, Any]], focus: str | None) -> list[Candidate]:
    """By rank: the first SHOWN_CANDIDATES, the chosen ones, and the one in focus. Known positives are left out."""
    merged = [_merge(variants) for variants in zip(*(anchor["candidates"] for anchor in anchors), strict=True)]
    candidates = [candidate for candidate in merged if candidate["dropped_by"] != "known_positive"]
    return [
        candidate
        for index, candidate in enumerate(candidates)
        if index < SHOWN_CANDIDATES or candidate["status"] == "chosen" or candidate["id"] == focus
    ]


def _merge(variants: Sequence[Candidate]) -> Candidate:
    """One candidate judged against several reference scores, one per positive: chosen if any variant is, with the smallest margin."""
    best = next((variant for variant in variants if variant["status"] == "chosen"), variants[0])
    margins = [variant["margin"] for variant in variants if variant["margin"] is not None]
    return {**best, "margin": min(margins, default=None)}

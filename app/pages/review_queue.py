"""What is under review: which query is next, its candidates, and what was said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from app.errors import NotFound
from app.pages.run_survey import survey_of
from app.storage.reviews import Review
from miner.analysis.explain import explain
from miner.runs.run import Run

Order = Literal["suspicious", "sample"]
Told = Mapping[str, Any]
FIRST = 20
"""Candidates that are shown by their rank; chosen ones are shown at any rank."""


@dataclass(frozen=True)
class Lineup:
    """One query's turn. place: where it stands in the queue of `length`, None: it was asked for by name. focus: the passage to begin at.

    said: the entry that counts for each passage of the query. positives and candidates as `explain` tells them.
    """

    order: Order
    place: int | None
    length: int
    query: Told
    focus: str | None
    positives: list[Told]
    candidates: list[Told]
    said: dict[str, Review]


def lineup(run: Run, standing: Sequence[Review], order: Order, place: int | None, query_id: str | None) -> Lineup:
    """The turn that was asked for; with neither place nor query the first whose pair nobody has spoken of. NotFound beyond the end."""
    queue = survey_of(run)[order]
    said = {(review.query_id, review.passage_id): review for review in standing}
    if query_id is None and place is None:
        place = next((at for at, case in enumerate(queue) if (case["query_id"], case["passage_id"]) not in said), max(0, len(queue) - 1))
    if query_id is None and not (place is not None and 0 <= place < len(queue)):
        raise NotFound("there is nothing to review at this place of the queue")
    case: Mapping[str, Any] = queue[place] if query_id is None and place is not None else {"query_id": query_id, "passage_id": None}
    told = explain(run, case["query_id"])
    focus = case["passage_id"]
    return Lineup(
        order,
        place if query_id is None else None,
        len(queue),
        told["query"],
        focus,
        _positives(told["anchors"]),
        _candidates(told["anchors"], focus),
        {passage: review for (query, passage), review in said.items() if query == case["query_id"]},
    )


def _positives(anchors: Sequence[Told]) -> list[Told]:
    """Every positive once, the best score first."""
    found = {positive["id"]: positive for anchor in anchors for positive in anchor["positives"]}
    return sorted(found.values(), key=lambda positive: -(positive["score"] if positive["score"] is not None else float("-inf")))


def _candidates(anchors: Sequence[Told], focus: str | None) -> list[Told]:
    """By rank: the chosen ones, the first few, and the one in focus; known positives stand elsewhere."""
    merged = [_merged(ways) for ways in zip(*(anchor["candidates"] for anchor in anchors), strict=True)]
    free = [one for one in merged if one["dropped_by"] != "known_positive"]
    return [one for place, one in enumerate(free) if place < FIRST or one["status"] == "chosen" or one["id"] == focus]


def _merged(ways: Sequence[Told]) -> Told:
    """A candidate under several bars, one per positive: chosen if any chose it, with the smallest margin."""
    best = next((way for way in ways if way["status"] == "chosen"), ways[0])
    margins = [way["margin"] for way in ways if way["margin"] is not None]
    return {**best, "margin": min(margins, default=None)}

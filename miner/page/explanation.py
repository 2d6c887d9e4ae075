"""One query's candidates as a notebook shows them: a table for each reference score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from miner.page.html import Html, grid, join, number, score, tag

MAX_ROWS = 50
TEXT_ROWS, TEXT_CHARS = 20, 80
"""Candidates and characters of a text in print."""
HEADS = ("#rank", "#score", "#margin", "status", "why", "passage", "text")


class ExplainedQuery(dict[str, Any]):
    """The result of `explain`, with its tables for a notebook."""

    def _repr_html_(self) -> str:
        head = tag("p", tag("strong", self["query"]["id"]), f": {self['query']['text']}")
        return join([head, *map(_anchor, self["anchors"]), *([_variations(self)] if self.get("variations") else [])])

    def __str__(self) -> str:
        """Lines for a terminal: the query, and for each reference score the positives and the first candidates."""
        lines = [f"query {self['query']['id']}: {_line(self['query']['text'])}"]
        for anchor in self["anchors"]:
            lines += [f"positive {one['id']}: {_line(one['text'])} (score {score(one['score'])})" for one in anchor["positives"]]
            lines += ["  ".join([*_row(one)[:5], f"{one['id']}: {_line(one['text'])}"]) for one in anchor["candidates"][:TEXT_ROWS]]
            if hidden := len(anchor["candidates"]) - TEXT_ROWS:
                lines += [f"and {hidden:,} further candidates"] if hidden > 0 else []
        return "\n".join(lines)


def _line(text: str) -> str:
    """A text on one line, cut at TEXT_CHARS, without control characters."""
    flat = "".join(char if char.isprintable() else " " for char in " ".join(text.split()))
    return flat if len(flat) <= TEXT_CHARS else f"{flat[: TEXT_CHARS - 1]}…"


def _variations(explanation: Mapping[str, Any]) -> Html:
    """The further negatives that were made of its negatives."""
    rows = [
        [row["kind"], row["passage_id"], score(row["score"]), score(row["origin_score"]), row["text"]] for row in explanation["variations"]
    ]
    return grid("variations of its negatives", ("kind", "made of", "#score", "#score of that", "text"), rows)


def _anchor(anchor: Mapping[str, Any]) -> Html:
    """The positives with their reference score, and the candidates, best first."""
    positives = "; ".join(f"{positive['id']}: {positive['text']} (score {score(positive['score'])})" for positive in anchor["positives"])
    counts = anchor["counts"]
    caption = (
        f"reference score {score(anchor['bar'])}, noise floor {score(anchor['background'])}; "
        f"{number(counts['kept'])} kept, {number(counts['chosen'])} chosen"
    )
    rows = [_row(candidate) for candidate in anchor["candidates"][:MAX_ROWS]]
    hidden = len(anchor["candidates"]) - len(rows)
    return join(
        [
            tag("p", f"positive: {positives}"),
            grid(caption, HEADS, rows),
            tag("p", f"and {hidden:,} further candidates") if hidden else None,
        ]
    )


def _row(candidate: Mapping[str, Any]) -> list[str]:
    status = candidate["status"] if candidate["dropped_by"] is None else f"{candidate['status']} by {candidate['dropped_by']}"
    why = candidate["why"] or ""
    numbers = (number(candidate["rank"]), score(candidate["score"]), score(candidate["margin"]))
    return [*numbers, status, why, candidate["id"], candidate["text"]]

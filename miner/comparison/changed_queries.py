"""Examples: the queries whose negatives changed most, with their texts."""

from __future__ import annotations

from typing import TypedDict

import numpy as np

from miner.comparison.matching import Pairs, Space, query_of
from miner.comparison.run_side import Fates
from miner.types import Ints

MAX_EXAMPLES = 10
MAX_TEXT_CHARS = 300


class ChangedNegative(TypedDict):
    """A negative of one run only. rank: 1-based; there: its fate in the other run (see `Fates`)."""

    id: str
    text: str
    score: float
    rank: int
    there: str


class ChangedQuery(TypedDict):
    """A query and the negatives of one run only: lost of the first, gained of the second."""

    query_id: str
    query: str
    lost: list[ChangedNegative]
    gained: list[ChangedNegative]


def examples(space: Space, negatives: list[Pairs], missing: tuple[Ints, Ints], fates: list[Fates]) -> list[ChangedQuery]:
    """The queries with the most gained and lost negatives, the most first, then by id.

    negatives: those of each run.
    missing: sorted keys of the lost and of the gained pairs.
    fates: of the gained pairs in the first run, of the lost pairs in the second.
    """
    lost, gained = missing
    counts = np.bincount(query_of(np.concatenate([lost, gained]), space), minlength=len(space.common))
    most_changed = np.flatnonzero(counts >= max(1, np.sort(counts)[-MAX_EXAMPLES:][0] if len(counts) else 1))
    ids = space.datasets[0].queries.ids(space.common[most_changed])
    order = sorted(range(len(most_changed)), key=lambda i: (-counts[most_changed[i]], ids[i]))[:MAX_EXAMPLES]
    changed: list[ChangedQuery] = []
    for i in order:
        query = int(space.common[most_changed[i]])
        changed.append(
            {
                "query_id": ids[i],
                "query": _clip(space.datasets[0].queries.texts([query])[0]),
                "lost": _example(space, 0, negatives[0], lost, fates[1], query),
                "gained": _example(space, 1, negatives[1], gained, fates[0], query),
            }
        )
    return changed


def _example(space: Space, side: int, pairs: Pairs, missing: Ints, fates: Fates, query: int) -> list[ChangedNegative]:
    pairs_of_query = np.flatnonzero(missing // space.width == query)
    positions = np.searchsorted(pairs.keys, missing[pairs_of_query])
    _, rows = space.rows(side, missing[pairs_of_query])
    corpus = space.datasets[side].corpus
    negatives = zip(pairs_of_query.tolist(), positions.tolist(), corpus.ids(rows), corpus.texts(rows), strict=True)
    cases: list[ChangedNegative] = [
        {
            "id": name,
            "text": _clip(text),
            "score": float(pairs.scores[position]),
            "rank": int(pairs.ranks[position]),
            "there": fates.name(pair),
        }
        for pair, position, name, text in negatives
    ]
    return sorted(cases, key=lambda case: (case["rank"], case["id"]))


def _clip(text: str) -> str:
    return text if len(text) <= MAX_TEXT_CHARS else text[: MAX_TEXT_CHARS - 1] + "…"

"""The queries whose negatives changed most, as they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from miner.comparison.matching import Pairs, Space, query_of
from miner.comparison.run_side import Fates
from miner.types import Ints

EXAMPLES = 10
CLIP = 300

Told = dict[str, Any]


def examples(space: Space, negatives: list[Pairs], missing: tuple[Ints, Ints], fates: list[Fates]) -> list[Told]:
    """The queries whose negatives changed most: most gained and lost first, then by id."""
    lost, gained = missing
    counts = np.bincount(query_of(np.concatenate([lost, gained]), space), minlength=len(space.common))
    most = np.flatnonzero(counts >= max(1, np.sort(counts)[-EXAMPLES:][0] if len(counts) else 1))
    ids = space.datasets[0].queries.ids(space.common[most])
    order = sorted(range(len(most)), key=lambda i: (-counts[most[i]], ids[i]))[:EXAMPLES]
    told = []
    for i in order:
        query = int(space.common[most[i]])
        told.append(
            {
                "query_id": ids[i],
                "query": _clip(space.datasets[0].queries.texts([query])[0]),
                "lost": _example(space, 0, negatives[0], lost, fates[1], query),
                "gained": _example(space, 1, negatives[1], gained, fates[0], query),
            }
        )
    return told


def _example(space: Space, side: int, pairs: Pairs, missing: Ints, fates: Fates, query: int) -> list[Told]:
    places = np.flatnonzero(missing // space.width == query)
    at = np.searchsorted(pairs.keys, missing[places])
    _, rows = space.rows(side, missing[places])
    corpus = space.datasets[side].corpus
    found = zip(places.tolist(), at.tolist(), corpus.ids(rows), corpus.texts(rows), strict=True)
    told = [
        {"id": name, "text": _clip(text), "score": float(pairs.scores[i]), "rank": int(pairs.ranks[i]), "there": fates.name(place)}
        for place, i, name, text in found
    ]
    return sorted(told, key=lambda one: (one["rank"], one["id"]))


def _clip(text: str) -> str:
    return text if len(text) <= CLIP else text[: CLIP - 1] + "…"

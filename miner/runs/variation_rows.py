"""Variations as further negatives: rows of a corpus that is longer by their texts, behind the negatives that they were made of."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from miner.types import Negatives


class FurtherNegative(NamedTuple):
    """A variation as a negative. id: `PASSAGE~KIND~QUERY`, its own, since the text follows from all three; rank, tier: its origin's."""

    id: str
    kind: str
    text: str
    score: float
    rank: int
    tier: int


def variation_id(passage: str, kind: str, query: str) -> str:
    """The id of a variation in a training file."""
    return f"{passage}~{kind}~{query}"


def extend(negatives: Negatives, further: Sequence[Sequence[FurtherNegative]], first: int, kinds: Collection[str], width: int) -> Negatives:
    """The negatives (B, M) with those of `further`, by anchor, behind them: (B, M + width).

    first: the row of the first one, in a corpus that is longer by their texts. kinds: of the run, each a source `variation-KIND`.
    """
    shape = (len(negatives), width)
    rows, scores = np.full(shape, -1, dtype=np.int32), np.full(shape, np.nan, dtype=np.float32)
    ranks, tiers = np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.uint8)
    sources = {kind: np.zeros(shape, dtype=np.int32) for kind in kinds}
    places = ((anchor, place, one) for anchor, of_anchor in enumerate(further) for place, one in enumerate(of_anchor))
    for row, (anchor, place, one) in enumerate(places, start=first):
        rows[anchor, place], scores[anchor, place] = row, one.score
        ranks[anchor, place], tiers[anchor, place] = one.rank, one.tier
        sources[one.kind][anchor, place] = one.rank
    before = ((0, 0), (negatives.rows.shape[1], 0))
    return replace(
        negatives,
        rows=np.concatenate([negatives.rows, rows], axis=1),
        scores=np.concatenate([negatives.scores, scores], axis=1),
        ranks=np.concatenate([negatives.ranks, ranks], axis=1),
        tiers=np.concatenate([negatives.tiers, tiers], axis=1),
        sources={
            **{name: np.pad(values, ((0, 0), (0, width))) for name, values in negatives.sources.items()},
            **{f"variation-{kind}": np.pad(values, before) for kind, values in sources.items()},
        },
    )

"""`n-tuple`: anchor, positive, negative_1 … negative_n.

A trainer wants the same columns in every row: rows that ran short are left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import count, takewhile
from typing import Any

from miner.formats.rows import TrainingRow, add_extra, anchors, numbered, own_columns
from miner.types import Dataset, Negatives


def write(dataset: Dataset, negatives: Negatives, columns: Collection[str]) -> Iterator[dict[str, Any]]:
    """One row per query and positive with all M negatives; scores are [positive's, negatives' …], the other lists are the negatives'."""
    width = negatives.rows.shape[1]
    for query, positives, found in anchors(dataset, negatives, columns):
        for positive in positives if len(found) == width else ():
            row: dict[str, Any] = {"anchor": query.text, "positive": positive.text}
            row |= {f"negative_{place}": negative.text for place, negative in enumerate(found, start=1)}
            if "ids" in columns:
                row |= {"anchor_id": query.id, "positive_id": positive.id, "negative_ids": [negative.id for negative in found]}
            if "scores" in columns:
                row["scores"] = [positive.score, *(negative.score for negative in found)]
            if "ranks" in columns:
                row["ranks"] = [negative.rank for negative in found]
            if "tiers" in columns:
                row["tiers"] = [negative.tier for negative in found]
            yield add_extra(row, positive.extra)


def read(rows: Iterable[Mapping[str, Any]]) -> Iterator[TrainingRow]:
    """One TrainingRow per row: the positive, then the negatives in the order of their columns."""
    for row in numbered(rows, "anchor", "positive", "negative_1"):
        found = [row[name] for name in takewhile(row.__contains__, (f"negative_{place}" for place in count(1)))]
        yield TrainingRow(
            row["anchor"],
            (row["positive"], *found),
            (1,) + (0,) * len(found),
            row.get("anchor_id"),
            (row["positive_id"], *row["negative_ids"]) if "negative_ids" in row else (),
            tuple(row.get("scores") or ()),
            (0, *row["ranks"]) if "ranks" in row else (),
            (0, *row["tiers"]) if "tiers" in row else (),
            own_columns(row),
        )

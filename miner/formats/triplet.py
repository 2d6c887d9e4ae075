"""`triplet`: anchor, positive, negative; one row for every negative found. What most ranking losses train on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from miner.formats.rows import TrainingRow, add_extra, anchors, numbered, own_columns
from miner.types import Dataset, Negatives


def write(dataset: Dataset, negatives: Negatives, columns: Collection[str]) -> Iterator[dict[str, Any]]:
    """One row per query, positive and found negative; scores are [positive's, negative's]."""
    for query, positives, found in anchors(dataset, negatives, columns):
        for positive in positives:
            for negative in found:
                row: dict[str, Any] = {"anchor": query.text, "positive": positive.text, "negative": negative.text}
                if "ids" in columns:
                    row |= {"anchor_id": query.id, "positive_id": positive.id, "negative_id": negative.id}
                if "scores" in columns:
                    row["scores"] = [positive.score, negative.score]
                if "ranks" in columns:
                    row["rank"] = negative.rank
                if "tiers" in columns:
                    row["tier"] = negative.tier
                yield add_extra(row, positive.extra)


def read(rows: Iterable[Mapping[str, Any]]) -> Iterator[TrainingRow]:
    """One TrainingRow per row: the positive, then the negative."""
    for row in numbered(rows, "anchor", "positive", "negative"):
        yield TrainingRow(
            row["anchor"],
            (row["positive"], row["negative"]),
            (1, 0),
            row.get("anchor_id"),
            (row["positive_id"], row["negative_id"]) if "negative_id" in row else (),
            tuple(row.get("scores") or ()),
            (0, row["rank"]) if "rank" in row else (),
            (0, row["tier"]) if "tier" in row else (),
            own_columns(row),
        )

"""`labeled-list`: anchor, a list of passages (the positive first) and a list of labels. What listwise losses and rerankers train on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from miner.formats.rows import TrainingRow, add_extra, anchors, numbered, own_columns
from miner.types import Dataset, Negatives


def write(dataset: Dataset, negatives: Negatives, columns: Collection[str]) -> Iterator[dict[str, Any]]:
    """One row per query and positive with at least one negative; scores take the place of labels. Rank and tier of the positive are 0."""
    for query, positives, found in anchors(dataset, negatives, columns):
        for positive in positives if found else ():
            passages = [positive, *found]
            row: dict[str, Any] = {"anchor": query.text, "positive": [passage.text for passage in passages]}
            if "scores" in columns:
                row["scores"] = [passage.score for passage in passages]
            else:
                row["labels"] = [1] + [0] * len(found)
            if "ids" in columns:
                row |= {"anchor_id": query.id, "passage_ids": [passage.id for passage in passages]}
            if "ranks" in columns:
                row["ranks"] = [passage.rank for passage in passages]
            if "tiers" in columns:
                row["tiers"] = [passage.tier for passage in passages]
            yield add_extra(row, positive.extra)


def read(rows: Iterable[Mapping[str, Any]]) -> Iterator[TrainingRow]:
    """One TrainingRow per row; without labels the first passage is the positive, as `write` puts it."""
    for row in numbered(rows, "anchor", "positive"):
        passages = tuple(row["positive"])
        yield TrainingRow(
            row["anchor"],
            passages,
            tuple(row.get("labels") or (1,) + (0,) * (len(passages) - 1)),
            row.get("anchor_id"),
            tuple(row.get("passage_ids") or ()),
            tuple(row.get("scores") or ()),
            tuple(row.get("ranks") or ()),
            tuple(row.get("tiers") or ()),
            own_columns(row),
        )

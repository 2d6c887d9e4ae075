"""`labeled-pair`: anchor, passage, label. What pointwise losses and rerankers train on: every (query, passage) once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from miner.formats.rows import Passage, Query, TrainingRow, add_extra, anchors, numbered, own_columns
from miner.types import Dataset, Negatives

ASIDE = {"ids": "passage_id", "scores": "score", "ranks": "rank", "tiers": "tier"}


def write(dataset: Dataset, negatives: Negatives, columns: Collection[str]) -> Iterator[dict[str, Any]]:
    """Per anchor its positives (label 1), then its negatives (label 0), none twice for a query; `score` takes the place of `label`.

    The anchors of one query stand together in one block: a block that ended between them would write a negative twice.
    """
    for _, block in groupby(anchors(dataset, negatives, columns), key=lambda anchor: anchor.query.row):
        seen: set[int] = set()
        for query, positives, found in block:
            for label, passages in ((1, positives), (0, found)):
                for passage in passages:
                    if passage.row not in seen:
                        seen.add(passage.row)
                        yield _row(query, passage, label, columns)


def read(rows: Iterable[Mapping[str, Any]]) -> Iterator[TrainingRow]:
    """One TrainingRow per run of rows of the same query. Scores without ranks do not say which passage is positive: labels are None."""
    for (query, query_id), run in groupby(numbered(rows, "anchor", "positive"), key=lambda row: (row["anchor"], row.get("anchor_id"))):
        block = list(run)
        yield TrainingRow(
            query,
            tuple(row["positive"] for row in block),
            tuple(map(_label, block)),
            query_id,
            **{field: tuple(row[name] for row in block if name in row) for field, name in ASIDE.items()},
            extra=own_columns(block[0]),
        )


def _row(query: Query, passage: Passage, label: int, columns: Collection[str]) -> dict[str, Any]:
    row: dict[str, Any] = {"anchor": query.text, "positive": passage.text}
    if "scores" in columns:
        row["score"] = passage.score
    else:
        row["label"] = label
    if "ids" in columns:
        row |= {"anchor_id": query.id, "passage_id": passage.id}
    if "ranks" in columns:
        row["rank"] = passage.rank
    if "tiers" in columns:
        row["tier"] = passage.tier
    return add_extra(row, passage.extra)


def _label(row: Mapping[str, Any]) -> int | None:
    """1 or 0; None where neither a label nor a rank says it."""
    if "label" in row:
        return int(row["label"])
    return int(row["rank"] == 0 and not row.get("tier")) if "rank" in row else None

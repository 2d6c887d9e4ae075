"""`n-tuple`: anchor, positive, negative_1 … negative_n.

A trainer wants the same columns in every row: rows that ran short are left out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from miner.formats.pair import pair_columns
from miner.formats.row_checks import Row
from miner.formats.row_format import RESERVED, Format, TrainingRow, add_extra, anchors, own_columns
from miner.types import Dataset, Negatives

NEGATIVE = re.compile(r"negative_[0-9]+")


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
            if "sources" in columns:
                row["sources"] = [list(negative.sources) for negative in found]
            yield add_extra(row, positive.extra)


def read(row: Row) -> TrainingRow:
    """The positive, then the negatives in the order of their columns."""
    query, positive = pair_columns(row.values)
    found = [row.text(name) for name in sorted(filter(NEGATIVE.fullmatch, row.values), key=_number) if name in row]
    return row.training(
        row.text(query),
        (row.text(positive), *found),
        (1,) + (0,) * len(found),
        query_id=row.id("anchor_id"),
        ids=row.ids("positive_id", "negative_ids"),
        scores=row.numbers("scores"),
        ranks=(0, *row.counts("ranks")) if "ranks" in row else (),
        tiers=(0, *row.counts("tiers")) if "tiers" in row else (),
        extra=own_columns(row.values, RESERVED, query, positive),
    )


def _number(name: str) -> int:
    return int(name.removeprefix("negative_"))


N_TUPLE = Format(write, read, knows=lambda row: "negative_1" in row, unit="pair", full=True, by_position=True)

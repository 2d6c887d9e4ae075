"""`n-tuple`: anchor, positive, negative_1 … negative_n.

A trainer needs the same columns in every row: rows of short queries are left out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from miner.formats.pair import pair_columns
from miner.formats.row_checks import ParsedRow
from miner.formats.row_format import RESERVED, Format, JsonRow, TrainingRow, add_extra, anchors, own_columns
from miner.types import Dataset, Negatives

NEGATIVE = re.compile(r"negative_[0-9]+")


def write(dataset: Dataset, negatives: Negatives, columns: Collection[str]) -> Iterator[JsonRow]:
    """Yield one row per query and positive with all M negatives; scores begin with the positive's, the other lists have none for it."""
    width = negatives.rows.shape[1]
    for query, positives, hard_negatives in anchors(dataset, negatives, columns):
        for positive in positives if len(hard_negatives) == width else ():
            row: JsonRow = {"anchor": query.text, "positive": positive.text}
            row |= {f"negative_{number}": negative.text for number, negative in enumerate(hard_negatives, start=1)}
            if "ids" in columns:
                row |= {"anchor_id": query.id, "positive_id": positive.id, "negative_ids": [negative.id for negative in hard_negatives]}
            if "scores" in columns:
                row["scores"] = [positive.score, *(negative.score for negative in hard_negatives)]
            if "ranks" in columns:
                row["ranks"] = [negative.rank for negative in hard_negatives]
            if "tiers" in columns:
                row["tiers"] = [negative.tier for negative in hard_negatives]
            if "sources" in columns:
                row["sources"] = [list(negative.sources) for negative in hard_negatives]
            yield add_extra(row, positive.extra)


def read(row: ParsedRow) -> TrainingRow:
    """Read the positive, then the negatives in the order of their columns."""
    query, positive = pair_columns(row.values)
    negatives = [row.text(name) for name in sorted(filter(NEGATIVE.fullmatch, row.values), key=_number) if name in row]
    return row.training(
        row.text(query),
        (row.text(positive), *negatives),
        (1,) + (0,) * len(negatives),
        query_id=row.id("anchor_id"),
        ids=row.ids("positive_id", "negative_ids"),
        scores=row.numbers("scores"),
        ranks=(0, *row.counts("ranks")) if "ranks" in row else (),
        tiers=(0, *row.counts("tiers")) if "tiers" in row else (),
        extra=own_columns(row.values, RESERVED, query, positive),
    )


def _number(name: str) -> int:
    return int(name.removeprefix("negative_"))


N_TUPLE = Format(write, read, matches=lambda row: "negative_1" in row, unit="pair", full=True, by_position=True)

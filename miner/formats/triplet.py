"""`triplet`: anchor, positive, negative; one row for every hard negative, for most ranking losses."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from miner.formats.pair import pair_columns
from miner.formats.row_checks import ParsedRow
from miner.formats.row_format import RESERVED, Format, JsonRow, Passage, Query, TrainingRow, add_extra, anchors, own_columns
from miner.types import Dataset, Negatives


def write(dataset: Dataset, negatives: Negatives, columns: Collection[str]) -> Iterator[JsonRow]:
    """Yield one row per query, positive and hard negative; scores are [positive's, negative's]."""
    for query, positives, hard_negatives in anchors(dataset, negatives, columns):
        for positive in positives:
            for negative in hard_negatives:
                yield add_extra(_row(query, positive, negative, columns), positive.extra)


def _row(query: Query, positive: Passage, negative: Passage, columns: Collection[str]) -> JsonRow:
    row: JsonRow = {"anchor": query.text, "positive": positive.text, "negative": negative.text}
    if "ids" in columns:
        row |= {"anchor_id": query.id, "positive_id": positive.id, "negative_id": negative.id}
    if "scores" in columns:
        row["scores"] = [positive.score, negative.score]
    if "ranks" in columns:
        row["rank"] = negative.rank
    if "tiers" in columns:
        row["tier"] = negative.tier
    if "sources" in columns:
        row["sources"] = list(negative.sources)
    return row


def read(row: ParsedRow) -> TrainingRow:
    """Read the positive, then the negative."""
    query, positive = pair_columns(row.values)
    return row.training(
        row.text(query),
        (row.text(positive), row.text("negative")),
        (1, 0),
        query_id=row.id("anchor_id"),
        ids=row.ids("positive_id", "negative_id"),
        scores=row.numbers("scores"),
        ranks=(0, *row.counts("rank")) if "rank" in row else (),
        tiers=(0, *row.counts("tier")) if "tier" in row else (),
        extra=own_columns(row.values, RESERVED, query, positive),
    )


TRIPLET = Format(write, read, matches=lambda row: isinstance(row.get("negative"), str), unit="triplet", by_position=True)

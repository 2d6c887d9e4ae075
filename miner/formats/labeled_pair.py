"""`labeled-pair`: anchor, passage, label, for pointwise losses and rerankers: every (query, passage) once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import groupby
from typing import Any

from miner.formats.pair import pair_columns
from miner.formats.row_checks import ParsedRow
from miner.formats.row_format import RESERVED, Format, JsonRow, Passage, Query, TrainingRow, add_extra, anchors, own_columns
from miner.types import Dataset, Negatives


def write(dataset: Dataset, negatives: Negatives, columns: Collection[str]) -> Iterator[JsonRow]:
    """Yield for each anchor its positives (label 1), then its negatives (label 0), once per query; `score` replaces `label`.

    The anchors of one query are in one block, or a negative could be written twice.
    """
    for _, block in groupby(anchors(dataset, negatives, columns), key=lambda anchor: anchor.query.row):
        written_rows: set[int] = set()
        for query, positives, hard_negatives in block:
            for label, passages in ((1, positives), (0, hard_negatives)):
                for passage in passages:
                    if passage.row not in written_rows:
                        written_rows.add(passage.row)
                        yield _row(query, passage, label, columns)


def _row(query: Query, passage: Passage, label: int, columns: Collection[str]) -> JsonRow:
    row: JsonRow = {"anchor": query.text, "positive": passage.text}
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
    if "sources" in columns:
        row["sources"] = list(passage.sources)
    return add_extra(row, passage.extra)


def read(row: ParsedRow) -> TrainingRow:
    """Read one passage. With a score but without a rank it is not known to be a positive or a negative: the label is None."""
    query, positive = pair_columns(row.values)
    if not ("label" in row or "score" in row):
        row.repair("no_label", "there is neither a label nor a score")
    return row.training(
        row.text(query),
        (row.text(positive),),
        (_label(row),),
        query_id=row.id("anchor_id"),
        ids=row.ids("passage_id"),
        scores=row.numbers("score"),
        ranks=row.counts("rank"),
        tiers=row.counts("tier"),
        extra=own_columns(row.values, RESERVED, query, positive),
    )


def _label(row: ParsedRow) -> int | None:
    """Return 1 or 0; None without a label or a rank, or where the label is another number."""
    if "label" in row:
        label = row.number("label")
        return int(label) if label in (0, 1) else None
    return int(row.values["rank"] == 0 and not row.values.get("tier")) if "rank" in row else None


def matches(row: Mapping[str, Any]) -> bool:
    """Return whether the row has a label or a score, and no column of negatives."""
    return ("label" in row or "score" in row) and not ("negative" in row or "negative_1" in row)


LABELED_PAIR = Format(write, read, matches, runs=True, unit="passage", by_position=True)

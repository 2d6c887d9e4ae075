"""`labeled-list`: anchor, a list of passages (the positive first) and a list of labels, for listwise losses and rerankers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from miner.formats.pair import pair_columns
from miner.formats.row_checks import ParsedRow
from miner.formats.row_format import RESERVED, Format, JsonRow, TrainingRow, add_extra, anchors, own_columns
from miner.types import Dataset, Negatives


def write(dataset: Dataset, negatives: Negatives, columns: Collection[str]) -> Iterator[JsonRow]:
    """Yield one row per query and positive with at least one negative; scores replace labels. Rank and tier of the positive are 0."""
    for query, positives, hard_negatives in anchors(dataset, negatives, columns):
        for positive in positives if hard_negatives else ():
            passages = [positive, *hard_negatives]
            row: JsonRow = {"anchor": query.text, "positive": [passage.text for passage in passages]}
            if "scores" in columns:
                row["scores"] = [passage.score for passage in passages]
            else:
                row["labels"] = [1] + [0] * len(hard_negatives)
            if "ids" in columns:
                row |= {"anchor_id": query.id, "passage_ids": [passage.id for passage in passages]}
            if "ranks" in columns:
                row["ranks"] = [passage.rank for passage in passages]
            if "tiers" in columns:
                row["tiers"] = [passage.tier for passage in passages]
            if "sources" in columns:
                row["sources"] = [list(passage.sources) for passage in passages]
            yield add_extra(row, positive.extra)


def read(row: ParsedRow) -> TrainingRow:
    """Read a row. Without labels the first passage is the positive, as in the rows of `write`."""
    query, positive = pair_columns(row.values)
    passages = row.texts(positive)
    if not ("labels" in row or "scores" in row):
        row.repair("no_label", "there are neither labels nor scores; the first passage is taken for the positive")
    return row.training(
        row.text(query),
        passages,
        row.counts("labels") or (1,) + (0,) * (len(passages) - 1),
        query_id=row.id("anchor_id"),
        ids=row.ids("passage_ids"),
        scores=row.numbers("scores"),
        ranks=row.counts("ranks"),
        tiers=row.counts("tiers"),
        extra=own_columns(row.values, RESERVED, query, positive),
    )


def matches(row: Mapping[str, Any]) -> bool:
    """Return whether the row has a list of passages, with labels or scores."""
    return ("labels" in row or "scores" in row) and isinstance(row.get(pair_columns(row, strict=False)[1]), list)


LABELED_LIST = Format(write, read, matches, unit="pair", by_position=True)

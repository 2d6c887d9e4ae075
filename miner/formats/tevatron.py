"""`tevatron-v1`: a query with positive and negative passages, title apart; what Tevatron and RLHN keep. `tevatron-v2`: the same by ids.

Tevatron repeats negatives where a row has fewer than it wants, so rows that ran short stay; rows without any are left out.
Version 2 trains on the corpus' `text` alone but encodes title and text: here the title is in the text, so that both see the same.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from miner.formats.collection import Beside, by_id
from miner.formats.context import passage_of, read_contexts
from miner.formats.row_checks import Row
from miner.formats.row_format import Format, Layout, Passage, Table, TrainingRow, add_extra, anchors, merged_extra, own_columns
from miner.types import Dataset, Negatives

OURS = re.compile(r"query(_id|_text)?|(positive|negative)_(passages|document_ids|scores|ranks|tiers|sources)")
MAIN, CORPUS = "train.jsonl", "corpus.jsonl"


def write_v1(dataset: Dataset, negatives: Negatives, columns: Collection[str]) -> Iterator[dict[str, Any]]:
    """One row per anchor with at least one negative."""
    for query, positives, found in anchors(dataset, negatives, {*columns, "ids"}):
        if found:
            row = {
                "query_id": query.id,
                "query": query.text,
                "positive_passages": [passage_of(passage, "docid", columns) for passage in positives],
                "negative_passages": [passage_of(passage, "docid", columns) for passage in found],
            }
            yield add_extra(row, merged_extra(positives), OURS)


def read_v1(row: Row) -> TrainingRow:
    """The positives, then the negatives; title and text joined."""
    return row.training(
        row.text("query"),
        **read_contexts(row, "docid", ("positive_passages", 1), ("negative_passages", 0)),
        query_id=row.id("query_id"),
        extra=own_columns(row.values, OURS),
    )


def write_v2(dataset: Dataset, negatives: Negatives, columns: Collection[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """One row per anchor with at least one negative: ids, and the query's text."""
    for query, positives, found in anchors(dataset, negatives, {*columns, "ids"}):
        if found:
            row: dict[str, Any] = {"query_id": query.id, "query_text": query.text}
            for side, passages in (("positive", positives), ("negative", found)):
                row |= _lists(side, passages, columns)
            yield MAIN, add_extra(row, merged_extra(positives), OURS)


def read_v2(row: Row, beside: Beside) -> TrainingRow:
    """The positives, then the negatives, with their texts."""
    sides = ("positive", "negative")
    ids = tuple(row.ids(f"{side}_document_ids") for side in sides)
    row.items("positive_document_ids", "ids")
    every = ids[0] + ids[1]
    return row.training(
        row.text("query_text"),
        (beside.find(row, "passages", name) for name in every),
        (1,) * len(ids[0]) + (0,) * len(ids[1]),
        query_id=row.id("query_id"),
        ids=every,
        scores=row.numbers(*(f"{side}_scores" for side in sides)),
        ranks=row.counts(*(f"{side}_ranks" for side in sides)),
        tiers=row.counts(*(f"{side}_tiers" for side in sides)),
        extra=own_columns(row.values, OURS),
    )


def beside_v2(dataset: Dataset) -> Iterator[tuple[str, Iterable[Any]]]:
    """The corpus."""
    yield CORPUS, ({"docid": passage.id, "text": passage.text} for passage in by_id(dataset.corpus))


def _lists(side: str, passages: list[Passage], columns: Collection[str]) -> dict[str, Any]:
    row: dict[str, Any] = {f"{side}_document_ids": [passage.id for passage in passages]}
    for column, name in (("scores", "score"), ("ranks", "rank"), ("tiers", "tier"), ("sources", "sources")):
        if column in columns:
            row[f"{side}_{column}"] = [getattr(passage, name) for passage in passages]
    return row


TEVATRON_V1 = Format(write_v1, read_v1, knows=lambda row: "positive_passages" in row)
TEVATRON_V2 = Format(write_v2, read_v2, layout=Layout(MAIN, beside_v2, {"passages": Table(CORPUS, ("docid",), ("title", "text"))}))

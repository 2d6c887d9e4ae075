"""`tevatron-v1`: a query with positive and negative passages, titles separate, as Tevatron and RLHN. `tevatron-v2`: the same by ids.

Tevatron repeats negatives where a row has too few, so short queries keep their row; rows without any are left out.
Version 2 trains on the corpus' `text` alone but encodes title and text: here the title is part of the text, so that both use the same.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from miner.formats.collection import LookupTables, by_id
from miner.formats.context import passage_of, read_contexts
from miner.formats.row_checks import ParsedRow
from miner.formats.row_format import (
    Format,
    JsonRow,
    Layout,
    LookupTable,
    Passage,
    TrainingRow,
    add_extra,
    anchors,
    merged_extra,
    own_columns,
)
from miner.types import Dataset, Negatives

RESERVED_COLUMNS = re.compile(r"query(_id|_text)?|(positive|negative)_(passages|document_ids|scores|ranks|tiers|sources)")
MAIN, CORPUS = "train.jsonl", "corpus.jsonl"


def write_v1(dataset: Dataset, negatives: Negatives, columns: Collection[str]) -> Iterator[JsonRow]:
    """One row per anchor with at least one negative."""
    for query, positives, hard_negatives in anchors(dataset, negatives, {*columns, "ids"}):
        if hard_negatives:
            row = {
                "query_id": query.id,
                "query": query.text,
                "positive_passages": [passage_of(passage, "docid", columns) for passage in positives],
                "negative_passages": [passage_of(passage, "docid", columns) for passage in hard_negatives],
            }
            yield add_extra(row, merged_extra(positives), RESERVED_COLUMNS)


def read_v1(row: ParsedRow) -> TrainingRow:
    """Read the positives, then the negatives; title and text are joined."""
    return row.training(
        row.text("query"),
        **read_contexts(row, "docid", ("positive_passages", 1), ("negative_passages", 0)),
        query_id=row.id("query_id"),
        extra=own_columns(row.values, RESERVED_COLUMNS),
    )


def write_v2(dataset: Dataset, negatives: Negatives, columns: Collection[str]) -> Iterator[tuple[str, JsonRow]]:
    """Yield one row per anchor with at least one negative: ids, and the query's text."""
    for query, positives, hard_negatives in anchors(dataset, negatives, {*columns, "ids"}):
        if hard_negatives:
            row: JsonRow = {"query_id": query.id, "query_text": query.text}
            for side, passages in (("positive", positives), ("negative", hard_negatives)):
                row |= _lists(side, passages, columns)
            yield MAIN, add_extra(row, merged_extra(positives), RESERVED_COLUMNS)


def read_v2(row: ParsedRow, tables: LookupTables) -> TrainingRow:
    """Read the positives, then the negatives, with their texts."""
    sides = ("positive", "negative")
    ids = tuple(row.ids(f"{side}_document_ids") for side in sides)
    row.items("positive_document_ids", "ids")
    all_ids = ids[0] + ids[1]
    return row.training(
        row.text("query_text"),
        (tables.find(row, "passages", name) for name in all_ids),
        (1,) * len(ids[0]) + (0,) * len(ids[1]),
        query_id=row.id("query_id"),
        ids=all_ids,
        scores=row.numbers(*(f"{side}_scores" for side in sides)),
        ranks=row.counts(*(f"{side}_ranks" for side in sides)),
        tiers=row.counts(*(f"{side}_tiers" for side in sides)),
        extra=own_columns(row.values, RESERVED_COLUMNS),
    )


def v2_companions(dataset: Dataset) -> Iterator[tuple[str, Iterable[Any]]]:
    """Yield the corpus file."""
    yield CORPUS, ({"docid": passage.id, "text": passage.text} for passage in by_id(dataset.corpus))


def _lists(side: str, passages: list[Passage], columns: Collection[str]) -> JsonRow:
    row: JsonRow = {f"{side}_document_ids": [passage.id for passage in passages]}
    for column, name in (("scores", "score"), ("ranks", "rank"), ("tiers", "tier"), ("sources", "sources")):
        if column in columns:
            row[f"{side}_{column}"] = [getattr(passage, name) for passage in passages]
    return row


TEVATRON_V1 = Format(write_v1, read_v1, matches=lambda row: "positive_passages" in row)
TEVATRON_V2 = Format(
    write_v2, read_v2, layout=Layout(MAIN, v2_companions, {"passages": LookupTable(CORPUS, ("docid",), ("title", "text"))})
)

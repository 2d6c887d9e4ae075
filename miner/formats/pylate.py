"""`pylate`: train (query_id, document_ids, scores), queries, documents; what PyLate's knowledge distillation reads.

One row per query and positive, the positive first. PyLate puts the scores of a batch into one matrix: rows of short queries are left
out, as in n-tuple. Its contrastive training reads `triplet` and `n-tuple`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from miner.formats.collection import LookupTables, by_id
from miner.formats.row_checks import ParsedRow
from miner.formats.row_format import Format, JsonRow, Layout, LookupTable, TrainingRow, anchors
from miner.types import Dataset, Negatives

MAIN, QUERIES, DOCUMENTS = "train.parquet", "queries.parquet", "documents.parquet"


def write(dataset: Dataset, negatives: Negatives, columns: Collection[str]) -> Iterator[tuple[str, JsonRow]]:
    """Yield one row per query and positive with all M negatives."""
    width = negatives.rows.shape[1]
    for query, positives, hard_negatives in anchors(dataset, negatives, ("ids",)):
        for positive in positives if len(hard_negatives) == width else ():
            passages = (positive, *hard_negatives)
            lists = {"document_ids": [passage.id for passage in passages], "scores": [passage.score for passage in passages]}
            yield MAIN, {"query_id": query.id, **lists}


def companions(dataset: Dataset) -> Iterator[tuple[str, Iterable[Any]]]:
    """Yield the files of queries and documents."""
    yield QUERIES, ({"query_id": query.id, "text": query.text} for query in by_id(dataset.queries))
    yield DOCUMENTS, ({"document_id": passage.id, "text": passage.text} for passage in by_id(dataset.corpus))


def read(row: ParsedRow, tables: LookupTables) -> TrainingRow:
    """Read a row. The first document is the positive, as in the rows of `write`."""
    query = row.as_id(row.value("query_id"), "'query_id'")
    ids = tuple(row.as_id(item, "'document_ids'") for item in row.items("document_ids", "ids"))
    return row.training(
        tables.find(row, "queries", query),
        (tables.find(row, "passages", name) for name in ids),
        (1,) + (0,) * (len(ids) - 1),
        query_id=query,
        ids=ids,
        scores=row.numbers("scores"),
    )


PYLATE = Format(
    write,
    read,
    optional_columns=frozenset({"ids", "scores"}),
    unit="pair",
    full=True,
    only=("query_id", "document_ids", "scores"),
    layout=Layout(
        MAIN,
        companions,
        {"queries": LookupTable(QUERIES, ("query_id",), ("text",)), "passages": LookupTable(DOCUMENTS, ("document_id",), ("text",))},
    ),
)

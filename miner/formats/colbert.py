"""`colbert`: triples.jsonl of [query, positive, negative] numbers, queries.tsv, collection.tsv; what ColBERT's trainer reads.

ColBERT needs whole numbers, and a passage's number is its line in the collection: numbers follow the order of ids, and query_ids.tsv and
passage_ids.tsv map them to the ids. The title is the third cell, as ColBERT reads it. One triple per query, positive and hard negative.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from miner.formats.collection import LookupTables, by_id
from miner.formats.file_sets import flat
from miner.formats.row_checks import ParsedRow
from miner.formats.row_format import Format, Layout, LookupTable, TrainingRow, anchors
from miner.types import Dataset, Negatives, Texts

MAIN, QUERIES, COLLECTION = "triples.jsonl", "queries.tsv", "collection.tsv"
QUERY_IDS, PASSAGE_IDS = "query_ids.tsv", "passage_ids.tsv"
NAMES = ("query", "positive", "negative")


def write(dataset: Dataset, negatives: Negatives, columns: Collection[str]) -> Iterator[tuple[str, list[int]]]:
    """Yield one triple per query, positive and hard negative."""
    for query, positives, hard_negatives in anchors(dataset, negatives, ()):
        for positive in positives:
            for negative in hard_negatives:
                passages = dataset.corpus.id_rank[[positive.row, negative.row]].tolist()
                yield MAIN, [int(dataset.queries.id_rank[query.row]), *passages]


def companions(dataset: Dataset) -> Iterator[tuple[str, Iterable[Any]]]:
    """Yield the files of queries, passages, and the user's ids of both."""
    yield QUERIES, ((query.rank, flat(query.text)) for query in by_id(dataset.queries))
    yield COLLECTION, ((text.rank, flat(text.body), *([flat(text.title)] if text.title else [])) for text in by_id(dataset.corpus))
    yield QUERY_IDS, _ids(dataset.queries)
    yield PASSAGE_IDS, _ids(dataset.corpus)


def read(row: ParsedRow, tables: LookupTables) -> TrainingRow:
    """Read the positive, then the negative; ids are the user's where the folder has them, else the numbers."""
    query, *numbers = (row.as_id(row.value(name), f"'{name}'") for name in NAMES)
    return row.training(
        tables.find(row, "queries", query),
        (tables.find(row, "passages", number) for number in numbers),
        (1, 0),
        query_id=tables.get("query_ids", query) or query,
        ids=tuple(tables.get("passage_ids", number) or number for number in numbers),
    )


def _ids(texts: Texts) -> Iterator[tuple[int, str]]:
    return ((text.rank, text.id) for text in by_id(texts))


COLBERT = Format(
    write,
    read,
    optional_columns=frozenset({"ids"}),
    unit="triplet",
    layout=Layout(
        MAIN,
        companions,
        {
            "queries": LookupTable(QUERIES, ("number",), ("text",), ("number", "text")),
            "passages": LookupTable(COLLECTION, ("number",), ("title", "text"), ("number", "text", "title")),
            "query_ids": LookupTable(QUERY_IDS, ("number",), ("id",), ("number", "id"), is_required=False),
            "passage_ids": LookupTable(PASSAGE_IDS, ("number",), ("id",), ("number", "id"), is_required=False),
        },
        names=NAMES,
    ),
)

"""`msmarco`: {qid, pos, neg: {system: [ids]}}, as in msmarco-hard-negatives, with queries.tsv and collection.tsv.
`gpl`: GPL's folder: the same rows in hard-negatives.jsonl, its pseudo-labelled pairs in gpl-training-data.tsv, BEIR's texts and qrels.

Rows hold ids; a whole number is written as a number, as in MS MARCO. GPL's margins come from the scores of this run, not from a
cross-encoder. Short queries keep their row; anchors without negatives are left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import groupby
from typing import Any

from miner.formats.beir import HEAD, corpus_rows, query_rows
from miner.formats.collection import LookupTables, by_id
from miner.formats.file_sets import flat
from miner.formats.row_checks import ParsedRow
from miner.formats.row_format import Format, JsonRow, Layout, LookupTable, Passage, TrainingRow, anchors
from miner.support.value_types import type_name
from miner.types import Dataset, Negatives

MAIN, SYSTEM = "hard-negatives.jsonl", "hardneg"
QUERIES, COLLECTION = "queries.tsv", "collection.tsv"
PAIRS, GPL_CORPUS, GPL_QUERIES, GPL_QRELS = "gpl-training-data.tsv", "corpus.jsonl", "qgen-queries.jsonl", "qgen-qrels/train.tsv"


def write_msmarco(dataset: Dataset, negatives: Negatives, columns: Collection[str]) -> Iterator[tuple[str, JsonRow]]:
    """Yield one row per anchor with at least one negative."""
    for query, positives, hard_negatives in anchors(dataset, negatives, ("ids",)):
        if hard_negatives:
            ids = {
                "pos": [number(passage.id) for passage in positives],
                "neg": {SYSTEM: [number(passage.id) for passage in hard_negatives]},
            }
            yield MAIN, {"qid": number(query.id), **ids}


def write_gpl(dataset: Dataset, negatives: Negatives, columns: Collection[str]) -> Iterator[tuple[str, Any]]:
    """Yield the row of every anchor with a negative, its pairs with their margins, and every positive of the query once."""
    for _, block in groupby(anchors(dataset, negatives, ("ids",)), key=lambda anchor: anchor.query.row):
        written_rows: set[int] = set()
        for query, positives, hard_negatives in block:
            if hard_negatives:
                ids = {"pos": [passage.id for passage in positives], "neg": {SYSTEM: [passage.id for passage in hard_negatives]}}
                yield MAIN, {"qid": query.id, **ids}
            for positive in positives:
                yield from ((PAIRS, (query.id, positive.id, negative.id, margin(positive, negative))) for negative in hard_negatives)
                if positive.row not in written_rows:
                    written_rows.add(positive.row)
                    yield GPL_QRELS, (query.id, positive.id, 1)


def margin(positive: Passage, negative: Passage) -> float:
    """Return the positive's score minus the negative's."""
    if positive.score is None or negative.score is None:
        return float("nan")
    return round(positive.score - negative.score, 6)


def number(name: str) -> str | int:
    """Convert an id that is a whole number in plain digits; return other ids unchanged."""
    return int(name) if name.isascii() and name.isdigit() and str(int(name)) == name and int(name) < 2**53 else name


def read(row: ParsedRow, tables: LookupTables) -> TrainingRow:
    """Read the positives, then the negatives of all systems, without duplicates, in the order of the systems."""
    query = row.as_id(row.value("qid"), "'qid'")
    systems = row.value("neg")
    if not isinstance(systems, dict):
        row.fail(f"'neg' is {type_name(systems)}; an object of lists of ids, by system, is needed")
    positives = [_id(row, item) for item in row.items("pos", "ids")]
    negatives = list(dict.fromkeys(_id(row, item) for name in systems for item in row.within(systems).items(name, "ids")))
    return row.training(
        tables.find(row, "queries", query),
        (tables.find(row, "passages", name) for name in (*positives, *negatives)),
        (1,) * len(positives) + (0,) * len(negatives),
        query_id=query,
        ids=(*positives, *negatives),
    )


def _id(row: ParsedRow, item: Any) -> str:
    return row.as_id(item.get("pid") if isinstance(item, dict) else item, "an id")


def msmarco_companions(dataset: Dataset) -> Iterator[tuple[str, Iterable[Any]]]:
    """Yield the files of queries and passages, as in MS MARCO."""
    yield QUERIES, ((query.id, flat(query.text)) for query in by_id(dataset.queries))
    yield COLLECTION, ((passage.id, flat(passage.text)) for passage in by_id(dataset.corpus))


def gpl_companions(dataset: Dataset) -> Iterator[tuple[str, Iterable[Any]]]:
    """Yield the files of queries and passages, as in BEIR."""
    yield GPL_QUERIES, query_rows(dataset)
    yield GPL_CORPUS, corpus_rows(dataset)


TSV = ("id", "text")
IDS = frozenset({"ids"})
MSMARCO = Format(
    write_msmarco,
    read,
    optional_columns=IDS,
    layout=Layout(
        MAIN,
        msmarco_companions,
        {"queries": LookupTable(QUERIES, ("id",), ("text",), TSV), "passages": LookupTable(COLLECTION, ("id",), ("text",), TSV)},
    ),
)
GPL = Format(
    write_gpl,
    read,
    optional_columns=IDS | {"scores"},
    layout=Layout(
        MAIN,
        gpl_companions,
        {"queries": LookupTable(GPL_QUERIES, ("_id",), ("text",)), "passages": LookupTable(GPL_CORPUS, ("_id",), ("title", "text"))},
        also=(PAIRS, GPL_QRELS),
        ends={GPL_QRELS: (HEAD, b"")},
    ),
)

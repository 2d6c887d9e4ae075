"""`msmarco`: {qid, pos, neg: {system: [ids]}}, the shape of msmarco-hard-negatives, with queries.tsv and collection.tsv beside.
`gpl`: GPL's folder: the same rows in hard-negatives.jsonl, its pseudo-labelled pairs in gpl-training-data.tsv, BEIR's texts and qrels.

Ids only; one that is a whole number is written as a number, as MS MARCO's are. GPL's margins are those of the scores Hardneg judged
by, not a cross-encoder's. Rows that ran short stay; anchors without negatives are left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import groupby
from typing import Any

from miner.formats.beir import HEAD, corpus_rows, query_rows
from miner.formats.collection import Beside, by_id
from miner.formats.file_sets import flat
from miner.formats.row_checks import Row, kind
from miner.formats.row_format import Format, Layout, Passage, Table, TrainingRow, anchors
from miner.types import Dataset, Negatives

MAIN, SYSTEM = "hard-negatives.jsonl", "hardneg"
QUERIES, COLLECTION = "queries.tsv", "collection.tsv"
PAIRS, GPL_CORPUS, GPL_QUERIES, GPL_QRELS = "gpl-training-data.tsv", "corpus.jsonl", "qgen-queries.jsonl", "qgen-qrels/train.tsv"


def write_msmarco(dataset: Dataset, negatives: Negatives, columns: Collection[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """One row per anchor with at least one negative."""
    for query, positives, found in anchors(dataset, negatives, ("ids",)):
        if found:
            ids = {"pos": [number(passage.id) for passage in positives], "neg": {SYSTEM: [number(passage.id) for passage in found]}}
            yield MAIN, {"qid": number(query.id), **ids}


def write_gpl(dataset: Dataset, negatives: Negatives, columns: Collection[str]) -> Iterator[tuple[str, Any]]:
    """The row of every anchor with a negative, its pairs with their margins, and every positive of the query once."""
    for _, block in groupby(anchors(dataset, negatives, ("ids",)), key=lambda anchor: anchor.query.row):
        judged: set[int] = set()
        for query, positives, found in block:
            if found:
                told = {"pos": [passage.id for passage in positives], "neg": {SYSTEM: [passage.id for passage in found]}}
                yield MAIN, {"qid": query.id, **told}
            for positive in positives:
                yield from ((PAIRS, (query.id, positive.id, negative.id, margin(positive, negative))) for negative in found)
                if positive.row not in judged:
                    judged.add(positive.row)
                    yield GPL_QRELS, (query.id, positive.id, 1)


def margin(positive: Passage, negative: Passage) -> float:
    """How much closer the positive is."""
    if positive.score is None or negative.score is None:
        return float("nan")
    return round(positive.score - negative.score, 6)


def number(name: str) -> str | int:
    """A whole number that is written as one, and as nothing else; other ids as they are."""
    return int(name) if name.isascii() and name.isdigit() and str(int(name)) == name and int(name) < 2**53 else name


def read(row: Row, beside: Beside) -> TrainingRow:
    """The positives, then what any system found, each once, in the order of the systems."""
    query = row.as_id(row.value("qid"), "'qid'")
    systems = row.value("neg")
    if not isinstance(systems, dict):
        row.fail(f"'neg' is {kind(systems)}; an object of lists of ids, by system, is needed")
    positives = [_id(row, item) for item in row.items("pos", "ids")]
    found = list(dict.fromkeys(_id(row, item) for name in systems for item in row.within(systems).items(name, "ids")))
    return row.training(
        beside.find(row, "queries", query),
        (beside.find(row, "passages", name) for name in (*positives, *found)),
        (1,) * len(positives) + (0,) * len(found),
        query_id=query,
        ids=(*positives, *found),
    )


def _id(row: Row, item: Any) -> str:
    return row.as_id(item.get("pid") if isinstance(item, dict) else item, "an id")


def beside_msmarco(dataset: Dataset) -> Iterator[tuple[str, Iterable[Any]]]:
    """Queries and passages as MS MARCO lays them out."""
    yield QUERIES, ((query.id, flat(query.text)) for query in by_id(dataset.queries))
    yield COLLECTION, ((passage.id, flat(passage.text)) for passage in by_id(dataset.corpus))


def beside_gpl(dataset: Dataset) -> Iterator[tuple[str, Iterable[Any]]]:
    """Queries and passages as BEIR lays them out."""
    yield GPL_QUERIES, query_rows(dataset)
    yield GPL_CORPUS, corpus_rows(dataset)


TSV = ("id", "text")
IDS = frozenset({"ids"})
MSMARCO = Format(
    write_msmarco,
    read,
    room=IDS,
    layout=Layout(
        MAIN,
        beside_msmarco,
        {"queries": Table(QUERIES, ("id",), ("text",), TSV), "passages": Table(COLLECTION, ("id",), ("text",), TSV)},
    ),
)
GPL = Format(
    write_gpl,
    read,
    room=IDS | {"scores"},
    layout=Layout(
        MAIN,
        beside_gpl,
        {"queries": Table(GPL_QUERIES, ("_id",), ("text",)), "passages": Table(GPL_CORPUS, ("_id",), ("title", "text"))},
        also=(PAIRS, GPL_QRELS),
        ends={GPL_QRELS: (HEAD, b"")},
    ),
)

"""`beir`: corpus.jsonl, queries.jsonl and qrels/train.tsv, the negatives as judgements of grade 0. `trec`: a TREC run and qrels.

Positives keep their grades. The run lists positives and negatives by their scores. Every anchor stays, also without a negative: its
positives are judgements. TREC files have no texts: queries.tsv and corpus.jsonl are written with them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import groupby
from typing import Any

from miner.formats.collection import LookupTables, by_id
from miner.formats.file_sets import flat
from miner.formats.row_checks import ParsedRow
from miner.formats.row_format import Format, JsonRow, Layout, LookupTable, Passage, Query, TrainingRow, anchors
from miner.types import Dataset, Negatives

CORPUS, QUERIES, QRELS, HEADER = "corpus.jsonl", "queries.jsonl", "qrels/train.tsv", ("query-id", "corpus-id", "score")
HEAD = "\t".join(HEADER).encode() + b"\n"
RUN, TREC_QRELS, TOPICS, TAG = "run.trec", "qrels.trec", "queries.tsv", "hardneg"

JudgedPassage = tuple[Passage, int]


def write_beir(dataset: Dataset, negatives: Negatives, columns: Collection[str]) -> Iterator[tuple[str, Any]]:
    """Yield for each query its positives with their grades, then its negatives with 0, without duplicates."""
    for query, passages in _judgements(dataset, negatives):
        yield from ((QRELS, (query.id, passage.id, grade)) for passage, grade in passages)


def write_trec(dataset: Dataset, negatives: Negatives, columns: Collection[str]) -> Iterator[tuple[str, Any]]:
    """Yield the same judgements, and the passages with a score, best first."""
    for query, passages in _judgements(dataset, negatives):
        yield from ((TREC_QRELS, (query.id, 0, passage.id, grade)) for passage, grade in passages)
        scored = [(passage.score, passage.id) for passage, _ in passages if passage.score is not None]
        for rank, (score, name) in enumerate(sorted(scored, key=lambda pair: (-pair[0], pair[1])), start=1):
            yield RUN, (query.id, "Q0", name, rank, score, TAG)


def _judgements(dataset: Dataset, negatives: Negatives) -> Iterator[tuple[Query, list[JudgedPassage]]]:
    """Yield every query of the block with its positives and hard negatives, each passage once."""
    for _, block in groupby(anchors(dataset, negatives, ("ids",)), key=lambda anchor: anchor.query.row):
        judgements: dict[int, JudgedPassage] = {}
        for query, positives, hard_negatives in block:
            grades = _grades(dataset, query.row)
            for passage in positives:
                judgements.setdefault(passage.row, (passage, grades[passage.row]))
            for passage in hard_negatives:
                judgements.setdefault(passage.row, (passage, 0))
        yield query, list(judgements.values())


def _grades(dataset: Dataset, query: int) -> dict[int, int]:
    span = slice(int(dataset.qrels.indptr[query]), int(dataset.qrels.indptr[query + 1]))
    return dict(zip(dataset.qrels.rows[span].tolist(), dataset.qrels.grades[span].tolist(), strict=True))


def query_rows(dataset: Dataset) -> Iterator[JsonRow]:
    """Yield the queries as BEIR writes them."""
    return ({"_id": query.id, "text": query.text, "metadata": {}} for query in by_id(dataset.queries))


def corpus_rows(dataset: Dataset) -> Iterator[JsonRow]:
    """Yield the passages as BEIR writes them, with the title in its own field."""
    return ({"_id": passage.id, "title": passage.title, "text": passage.body, "metadata": {}} for passage in by_id(dataset.corpus))


def beir_companions(dataset: Dataset) -> Iterator[tuple[str, Iterable[Any]]]:
    """Yield the files of queries and passages."""
    yield QUERIES, query_rows(dataset)
    yield CORPUS, corpus_rows(dataset)


def trec_companions(dataset: Dataset) -> Iterator[tuple[str, Iterable[Any]]]:
    """Yield the files of topics and passages."""
    yield TOPICS, ((query.id, flat(query.text)) for query in by_id(dataset.queries))
    yield CORPUS, corpus_rows(dataset)


def read(row: ParsedRow, tables: LookupTables) -> TrainingRow:
    """Read one judgement: grade 1 or more is relevant. The score is the run's, where there is a run."""
    query, passage = (row.as_id(row.value(name), f"'{name}'") for name in HEADER[:2])
    try:
        grade = int(row.text("score"))
    except ValueError:
        row.fail(f"the grade is {row.values['score']!r}; a whole number is needed")
    score = tables.get("run", query, passage)
    texts = tables.find(row, "queries", query), tables.find(row, "passages", passage)
    return row.training(texts[0], texts[1:], (int(grade > 0),), query_id=query, ids=(passage,), scores=(float(score),) if score else ())


PASSAGES = LookupTable(CORPUS, ("_id",), ("title", "text"))
BEIR = Format(
    write_beir,
    read,
    runs=True,
    unit="judgement",
    optional_columns=frozenset({"ids"}),
    layout=Layout(
        QRELS, beir_companions, {"queries": LookupTable(QUERIES, ("_id",), ("text",)), "passages": PASSAGES}, ends={QRELS: (HEAD, b"")}
    ),
)
TREC = Format(
    write_trec,
    read,
    runs=True,
    unit="judgement",
    optional_columns=frozenset({"ids", "scores"}),
    layout=Layout(
        TREC_QRELS,
        trec_companions,
        {
            "queries": LookupTable(TOPICS, ("id",), ("text",), ("id", "text")),
            "passages": PASSAGES,
            "run": LookupTable(RUN, ("query", "passage"), ("score",), ("query", "zero", "passage", "rank", "score", "tag")),
        },
        also=(RUN,),
        names=("query-id", "zero", "corpus-id", "score"),
    ),
)

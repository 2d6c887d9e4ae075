"""`beir`: corpus.jsonl, queries.jsonl and qrels/train.tsv, the negatives as judgements of grade 0. `trec`: a TREC run and qrels.

Positives keep the grades they came with. The run holds positives and negatives by their scores. Every anchor stays, also without a
negative: its positives are judgements. TREC files have no texts: queries.tsv and corpus.jsonl stand beside them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import groupby
from typing import Any

from miner.formats.collection import Beside, by_id
from miner.formats.file_sets import flat
from miner.formats.row_checks import Row
from miner.formats.row_format import Format, Layout, Passage, Query, Table, TrainingRow, anchors
from miner.types import Dataset, Negatives

CORPUS, QUERIES, QRELS, HEADER = "corpus.jsonl", "queries.jsonl", "qrels/train.tsv", ("query-id", "corpus-id", "score")
HEAD = "\t".join(HEADER).encode() + b"\n"
RUN, JUDGED, TOPICS, TAG = "run.trec", "qrels.trec", "queries.tsv", "hardneg"

Judged = tuple[Passage, int]


def write_beir(dataset: Dataset, negatives: Negatives, columns: Collection[str]) -> Iterator[tuple[str, Any]]:
    """Per query its positives with their grades, then its negatives with 0, none twice."""
    for query, passages in _judgements(dataset, negatives):
        yield from ((QRELS, (query.id, passage.id, grade)) for passage, grade in passages)


def write_trec(dataset: Dataset, negatives: Negatives, columns: Collection[str]) -> Iterator[tuple[str, Any]]:
    """The same judgements, and the passages whose score is known, best first."""
    for query, passages in _judgements(dataset, negatives):
        yield from ((JUDGED, (query.id, 0, passage.id, grade)) for passage, grade in passages)
        scored = [(passage.score, passage.id) for passage, _ in passages if passage.score is not None]
        for rank, (score, name) in enumerate(sorted(scored, key=lambda pair: (-pair[0], pair[1])), start=1):
            yield RUN, (query.id, "Q0", name, rank, score, TAG)


def _judgements(dataset: Dataset, negatives: Negatives) -> Iterator[tuple[Query, list[Judged]]]:
    """Of every query of the block what is known or was chosen, each passage once."""
    for _, block in groupby(anchors(dataset, negatives, ("ids",)), key=lambda anchor: anchor.query.row):
        found: dict[int, Judged] = {}
        for query, positives, chosen in block:
            grades = _grades(dataset, query.row)
            for passage in positives:
                found.setdefault(passage.row, (passage, grades[passage.row]))
            for passage in chosen:
                found.setdefault(passage.row, (passage, 0))
        yield query, list(found.values())


def _grades(dataset: Dataset, query: int) -> dict[int, int]:
    span = slice(int(dataset.qrels.indptr[query]), int(dataset.qrels.indptr[query + 1]))
    return dict(zip(dataset.qrels.rows[span].tolist(), dataset.qrels.grades[span].tolist(), strict=True))


def query_rows(dataset: Dataset) -> Iterator[dict[str, Any]]:
    """Queries as BEIR writes them."""
    return ({"_id": query.id, "text": query.text, "metadata": {}} for query in by_id(dataset.queries))


def corpus_rows(dataset: Dataset) -> Iterator[dict[str, Any]]:
    """Passages as BEIR writes them, title apart."""
    return ({"_id": passage.id, "title": passage.title, "text": passage.body, "metadata": {}} for passage in by_id(dataset.corpus))


def beside_beir(dataset: Dataset) -> Iterator[tuple[str, Iterable[Any]]]:
    """Queries and passages."""
    yield QUERIES, query_rows(dataset)
    yield CORPUS, corpus_rows(dataset)


def beside_trec(dataset: Dataset) -> Iterator[tuple[str, Iterable[Any]]]:
    """Topics and passages."""
    yield TOPICS, ((query.id, flat(query.text)) for query in by_id(dataset.queries))
    yield CORPUS, corpus_rows(dataset)


def read(row: Row, beside: Beside) -> TrainingRow:
    """One judgement: relevant from grade 1 on. The score is the run's, where there is a run."""
    query, passage = (row.as_id(row.value(name), f"'{name}'") for name in HEADER[:2])
    try:
        grade = int(row.text("score"))
    except ValueError:
        row.fail(f"the grade is {row.values['score']!r}; a whole number is needed")
    score = beside.get("run", query, passage)
    texts = beside.find(row, "queries", query), beside.find(row, "passages", passage)
    return row.training(texts[0], texts[1:], (int(grade > 0),), query_id=query, ids=(passage,), scores=(float(score),) if score else ())


PASSAGES = Table(CORPUS, ("_id",), ("title", "text"))
BEIR = Format(
    write_beir,
    read,
    runs=True,
    unit="judgement",
    room=frozenset({"ids"}),
    layout=Layout(QRELS, beside_beir, {"queries": Table(QUERIES, ("_id",), ("text",)), "passages": PASSAGES}, ends={QRELS: (HEAD, b"")}),
)
TREC = Format(
    write_trec,
    read,
    runs=True,
    unit="judgement",
    room=frozenset({"ids", "scores"}),
    layout=Layout(
        JUDGED,
        beside_trec,
        {
            "queries": Table(TOPICS, ("id",), ("text",), ("id", "text")),
            "passages": PASSAGES,
            "run": Table(RUN, ("query", "passage"), ("score",), ("query", "zero", "passage", "rank", "score", "tag")),
        },
        also=(RUN,),
        names=("query-id", "zero", "corpus-id", "score"),
    ),
)

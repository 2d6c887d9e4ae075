"""`nemo`: one JSON object {corpus, data} and a corpus folder of Parquet with merlin_metadata.json; what NeMo Automodel reads.

Its loader takes the corpus' `text` alone and a mining run title and text: here the title is in the text, so that both see the same.
The loader repeats negatives where a row has too few, so rows that ran short stay; rows without negatives are left out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from miner.formats.collection import Beside, by_id
from miner.formats.context import objects, told_of
from miner.formats.row_checks import Row
from miner.formats.row_format import Format, Layout, Passage, Table, TrainingRow, add_extra, anchors, merged_extra, own_columns
from miner.types import Dataset, Negatives

OURS = re.compile(r"question(_id)?|corpus_id|(pos|neg)_doc")
MAIN, CORPUS, METADATA = "train.json", "corpus/train.parquet", "corpus/merlin_metadata.json"
CORPUS_ID = "corpus"
HEAD, TAIL = b'{"corpus":[{"path":"corpus"}],"data":[\n', b"\n]}\n"


def write(dataset: Dataset, negatives: Negatives, columns: Collection[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """One row per anchor with at least one negative; every document has its score, rank and tier on request."""
    for query, positives, found in anchors(dataset, negatives, {*columns, "ids"}):
        if found:
            row = {
                "question_id": query.id,
                "question": query.text,
                "corpus_id": CORPUS_ID,
                "pos_doc": [_document(passage, columns) for passage in positives],
                "neg_doc": [_document(passage, columns) for passage in found],
            }
            yield MAIN, add_extra(row, merged_extra(positives), OURS)


def beside(dataset: Dataset) -> Iterator[tuple[str, Iterable[Any]]]:
    """The corpus and what it is."""
    yield CORPUS, ({"id": passage.id, "text": passage.text} for passage in by_id(dataset.corpus))
    yield METADATA, ({"corpus_id": CORPUS_ID, "class": "TextQADataset"},)


def read(row: Row, beside: Beside) -> TrainingRow:
    """The positives, then the negatives, with their texts. A document may be a bare id."""
    if not row.text("corpus_id"):
        row.fail("'corpus_id' is empty; the corpus must be named")
    if "question_id" not in row.values:
        row.value("question_id")  # null is no fault: the trainer never looks at it
    if isinstance(row.values["question_id"], int):
        row.repair("mixed_ids", "'question_id' is a number")
    sides = [(_documents(row, name), label) for name, label in (("pos_doc", 1), ("neg_doc", 0))]
    found = [document for documents, _ in sides for document in documents]
    ids = tuple(document.as_id(document.value("id"), "'id'") for document in found)
    return row.training(
        row.text("question"),
        (beside.find(row, "passages", name) for name in ids),
        (label for documents, label in sides for _ in documents),
        query_id=row.id("question_id"),
        ids=ids,
        **told_of(found),
        extra=own_columns(row.values, OURS),
    )


def _document(passage: Passage, columns: Collection[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"id": passage.id, "score": passage.score}
    if "ranks" in columns:
        found["rank"] = passage.rank
    if "tiers" in columns:
        found["tier"] = passage.tier
    if "sources" in columns:
        found["sources"] = list(passage.sources)
    return found


def _documents(row: Row, name: str) -> list[Row]:
    documents = row.items(name, "documents")
    return list(objects(row.within({name: [{"id": item} if isinstance(item, str | int) else item for item in documents]}), name))


NEMO = Format(
    write,
    read,
    layout=Layout(MAIN, beside, {"passages": Table(CORPUS, ("id",), ("title", "text"))}, inside="data.item", ends={MAIN: (HEAD, TAIL)}),
)

"""`nemo`: one JSON object {corpus, data} and a corpus folder of Parquet with merlin_metadata.json; what NeMo Automodel reads.

Its loader reads only the corpus' `text`, and mining encodes title and text: here the title is part of the text, so that both use the same
text. The loader repeats negatives where a row has too few, so short queries keep their row; rows without negatives are left out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from miner.formats.collection import LookupTables, by_id
from miner.formats.context import objects, scores_of
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

RESERVED_COLUMNS = re.compile(r"question(_id)?|corpus_id|(pos|neg)_doc")
MAIN, CORPUS, METADATA = "train.json", "corpus/train.parquet", "corpus/merlin_metadata.json"
CORPUS_ID = "corpus"
HEAD, TAIL = b'{"corpus":[{"path":"corpus"}],"data":[\n', b"\n]}\n"


def write(dataset: Dataset, negatives: Negatives, columns: Collection[str]) -> Iterator[tuple[str, JsonRow]]:
    """Yield one row per anchor with at least one negative; every document has its score, and on request its rank and tier."""
    for query, positives, hard_negatives in anchors(dataset, negatives, {*columns, "ids"}):
        if hard_negatives:
            row = {
                "question_id": query.id,
                "question": query.text,
                "corpus_id": CORPUS_ID,
                "pos_doc": [_document(passage, columns) for passage in positives],
                "neg_doc": [_document(passage, columns) for passage in hard_negatives],
            }
            yield MAIN, add_extra(row, merged_extra(positives), RESERVED_COLUMNS)


def companions(dataset: Dataset) -> Iterator[tuple[str, Iterable[Any]]]:
    """Yield the files of the corpus and of its metadata."""
    yield CORPUS, ({"id": passage.id, "text": passage.text} for passage in by_id(dataset.corpus))
    yield METADATA, ({"corpus_id": CORPUS_ID, "class": "TextQADataset"},)


def read(row: ParsedRow, tables: LookupTables) -> TrainingRow:
    """Read the positives, then the negatives, with their texts. A document is an object or an id."""
    if not row.text("corpus_id"):
        row.fail("'corpus_id' is empty; the corpus must be named")
    if "question_id" not in row.values:
        row.value("question_id")  # null is allowed: the trainer does not use it
    if isinstance(row.values["question_id"], int):
        row.repair("mixed_ids", "'question_id' is a number")
    sides = [(_documents(row, name), label) for name, label in (("pos_doc", 1), ("neg_doc", 0))]
    documents = [document for side_documents, _ in sides for document in side_documents]
    ids = tuple(document.as_id(document.value("id"), "'id'") for document in documents)
    return row.training(
        row.text("question"),
        (tables.find(row, "passages", name) for name in ids),
        (label for side_documents, label in sides for _ in side_documents),
        query_id=row.id("question_id"),
        ids=ids,
        **scores_of(documents),
        extra=own_columns(row.values, RESERVED_COLUMNS),
    )


def _document(passage: Passage, columns: Collection[str]) -> JsonRow:
    fields: JsonRow = {"id": passage.id, "score": passage.score}
    if "ranks" in columns:
        fields["rank"] = passage.rank
    if "tiers" in columns:
        fields["tier"] = passage.tier
    if "sources" in columns:
        fields["sources"] = list(passage.sources)
    return fields


def _documents(row: ParsedRow, name: str) -> list[ParsedRow]:
    documents = row.items(name, "documents")
    return list(objects(row.within({name: [{"id": item} if isinstance(item, str | int) else item for item in documents]}), name))


NEMO = Format(
    write,
    read,
    layout=Layout(
        MAIN, companions, {"passages": LookupTable(CORPUS, ("id",), ("title", "text"))}, inside="data.item", ends={MAIN: (HEAD, TAIL)}
    ),
)

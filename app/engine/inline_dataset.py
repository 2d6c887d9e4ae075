"""The queries of a request over an open corpus as a Dataset in memory: a fast path that equals `read_inline` for valid requests.

For any other request (an unknown positive, a repeated id …) the result is None, and `read_inline` raises the error.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from app.engine.open_corpus import OpenCorpus
from app.schemas import RELEVANT, Query
from miner.read.assemble import settle
from miner.read.cells import clean_id, full_text, short_hash
from miner.read.rejects import BadRow
from miner.types import BATCH_ROWS, TEXTS_SCHEMA, Dataset, Texts


class TextsInMemory(Texts):
    """Texts in memory."""

    def __init__(self, ids: Sequence[str], texts: Sequence[str]) -> None:
        nulls: list[str | None] = [None] * len(ids)
        columns = [pa.array(values, type=pa.string()) for values in (ids, nulls, texts, nulls, nulls)]
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, TEXTS_SCHEMA) as file:
            file.write_table(pa.table(columns, schema=TEXTS_SCHEMA), max_chunksize=BATCH_ROWS)
        self._file = pa.ipc.open_file(sink.getvalue())
        self._length = len(ids)


def inline_dataset(queries: Sequence[Query], corpus: OpenCorpus) -> Dataset | None:
    """The queries over the corpus, or None where the fast path does not apply."""
    try:
        ids = [f"q-{short_hash(query.text)}" if query.id is None else clean_id(query.id, "id") for query in queries]
        texts = [full_text(query.text, "text") for query in queries]
    except BadRow:
        return None
    if len(set(ids)) < len(ids) or not all(query.positives for query in queries) or any(query.positive_texts for query in queries):
        return None
    judgements = [(query_row, name, grade) for query_row, query in enumerate(queries) for name, grade in query.judgements]
    query_rows, names, grades = zip(*judgements, strict=True)
    rows = corpus.by_id.rows(names)
    if (rows < 0).any():
        return None
    texts_of_queries = TextsInMemory(ids, texts)
    qrels_columns = (np.array(query_rows, dtype=np.int64), rows.astype(np.int64), np.array(grades, dtype=np.int8))
    _, qrels, reading = settle(texts_of_queries, corpus.texts, qrels_columns, RELEVANT)
    return Dataset(texts_of_queries, corpus.texts, qrels, reading)

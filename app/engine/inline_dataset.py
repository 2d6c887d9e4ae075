"""A request's queries over an open corpus, as a Dataset that touches no disk: what `read_inline` makes, for the plain case.

Whatever is not plain (an unknown positive, a repeated id …) gives None, and the library's reader says what it is.
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


class FewTexts(Texts):
    """Texts in memory."""

    def __init__(self, ids: Sequence[str], texts: Sequence[str]) -> None:
        nothing: list[str | None] = [None] * len(ids)
        columns = [pa.array(values, type=pa.string()) for values in (ids, nothing, texts, nothing, nothing)]
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, TEXTS_SCHEMA) as file:
            file.write_table(pa.table(columns, schema=TEXTS_SCHEMA), max_chunksize=BATCH_ROWS)
        self._file = pa.ipc.open_file(sink.getvalue())
        self._length = len(ids)


def plain_dataset(queries: Sequence[Query], corpus: OpenCorpus) -> Dataset | None:
    """The queries over the corpus; None where they are not plain."""
    try:
        ids = [f"q-{short_hash(query.text)}" if query.id is None else clean_id(query.id, "id") for query in queries]
        texts = [full_text(query.text, "text") for query in queries]
    except BadRow:
        return None
    if len(set(ids)) < len(ids) or not all(query.positives for query in queries) or any(query.positive_texts for query in queries):
        return None
    told = [(at, name, grade) for at, query in enumerate(queries) for name, grade in query.judgements]
    judged, names, grades = zip(*told, strict=True)
    rows = corpus.by_id.rows(names)
    if (rows < 0).any():
        return None
    asked = FewTexts(ids, texts)
    judgements = (np.array(judged, dtype=np.int64), rows.astype(np.int64), np.array(grades, dtype=np.int8))
    _, qrels, reading = settle(asked, corpus.texts, judgements, RELEVANT)
    return Dataset(asked, corpus.texts, qrels, reading)

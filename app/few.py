"""A request's queries over an open corpus, as a Dataset that touches no disk: what `read_inline` makes, for the plain case.

Whatever is not plain (an unknown positive, a repeated id …) gives None, and the library's reader says what it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from app.opened import OpenCorpus
from app.schemas import Query
from miner.read.cells import clean_id, full_text, short_hash
from miner.read.rejects import BadRow
from miner.types import BATCH_ROWS, TEXTS_SCHEMA, Dataset, Qrels, Texts


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
    known = [sorted(set(query.positives), key=str.encode) for query in queries]
    if len(set(ids)) < len(ids) or not all(known) or any(query.positive_texts for query in queries):
        return None
    rows = corpus.by_id.rows([name for names in known for name in names])
    if (rows < 0).any():
        return None
    indptr = np.concatenate([[0], np.cumsum([len(names) for names in known])]).astype(np.int64)
    return Dataset(FewTexts(ids, texts), corpus.texts, Qrels(indptr, rows, np.ones(len(rows), dtype=np.int8)))

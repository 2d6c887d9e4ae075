"""Texts on disk, memory-mapped: corpus and queries are the same noun."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from miner.io.arrow_tables import map_arrow
from miner.types.arrays import Ints, Rows

BATCH_ROWS = 8192
"""Rows of every Arrow record batch but the last: row i lies in batch i // BATCH_ROWS, so one row is read without the rest."""
FEW_ROWS = 64
"""So many rows are quicker read one by one."""

TEXTS_SCHEMA = pa.schema(
    [("id", pa.string()), ("title", pa.string()), ("text", pa.string()), ("group", pa.string()), ("extra", pa.string())]
)
"""`extra` holds the columns we do not know, as one JSON object; title, group and extra may be null."""


def join_title(title: str | None, text: str) -> str:
    """The one place where title and text become what is encoded, compared and exported."""
    return f"{title} {text}".strip() if title else text


class Texts:
    """N texts with ids, in an Arrow file that is memory-mapped: a row is read without loading the others."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = map_arrow(path)
        count = self._file.num_record_batches
        last = self._file.get_batch(count - 1).num_rows if count else 0
        self._length = (count - 1) * BATCH_ROWS + last if count else 0

    def __len__(self) -> int:
        return self._length

    def column(self, name: str, rows: Sequence[int] | Ints | Rows) -> list[Any]:
        """Values of one column at `rows`, in the order asked for."""
        indices = np.asarray(rows, dtype=np.int64)
        if indices.size and (indices.min() < 0 or indices.max() >= len(self)):
            raise IndexError(f"row {int(indices.min())}..{int(indices.max())} of {len(self)}")
        if len(indices) <= FEW_ROWS:
            return [self._batch(row // BATCH_ROWS).column(name)[row % BATCH_ROWS].as_py() for row in indices.tolist()]
        order = np.argsort(indices, kind="stable")
        batches, starts = np.unique(indices[order] // BATCH_ROWS, return_index=True)
        values: list[Any] = [None] * len(indices)
        for batch, places in zip(batches, np.split(order, starts[1:]), strict=True):
            array = self._batch(int(batch)).column(name)
            for place, value in zip(places.tolist(), array.take(pa.array(indices[places] % BATCH_ROWS)).to_pylist(), strict=True):
                values[place] = value
        return values

    def texts(self, rows: Sequence[int] | Ints | Rows) -> list[str]:
        """Title and text of each row, joined."""
        return [join_title(*both) for both in zip(self.column("title", rows), self.column("text", rows), strict=True)]

    def all_texts(self) -> Iterator[list[str]]:
        """Title and text of every row, joined, one record batch at a time: quicker than asking for all rows."""
        for batch in self.batches():
            titles, texts = batch.column("title"), batch.column("text").to_pylist()
            yield texts if titles.null_count == len(titles) else [join_title(*both) for both in zip(titles.to_pylist(), texts, strict=True)]

    def ids(self, rows: Sequence[int] | Ints | Rows) -> list[str]:
        """The user's ids of `rows`."""
        return self.column("id", rows)

    def batches(self) -> Sequence[pa.RecordBatch]:
        """All record batches, in row order, still memory-mapped."""
        return [self._batch(i) for i in range(self._file.num_record_batches)]

    def _batch(self, number: int) -> pa.RecordBatch:
        if number not in self._opened:
            self._opened[number] = self._file.get_batch(number)
        return self._opened[number]

    @cached_property
    def _opened(self) -> dict[int, pa.RecordBatch]:
        """Batches that were asked for: pointers into the file, which take longer to make than a row takes to read."""
        return {}

    @cached_property
    def id_order(self) -> Rows:
        """Shape (N,): the rows sorted by id, in UTF-8 byte order. Every tie and every output order comes from it."""
        ids = pa.chunked_array([batch.column("id") for batch in self.batches()], type=pa.string())
        return np.asarray(pc.sort_indices(ids.cast(pa.binary()))).astype(np.int32)

    @cached_property
    def group_codes(self) -> Rows:
        """Shape (N,): which group each row is of, as a number from 0; -1 where it is of none."""
        column = pa.chunked_array([batch.column("group") for batch in self.batches()], type=pa.string())
        codes = column.combine_chunks().dictionary_encode().indices
        return np.asarray(codes.fill_null(-1)).astype(np.int32)

    @cached_property
    def id_rank(self) -> Rows:
        """Shape (N,): the place of each row in `id_order`."""
        rank: Rows = np.empty(len(self), dtype=np.int32)
        rank[self.id_order] = np.arange(len(self), dtype=np.int32)
        return rank

"""Parquet files: opened for reading, measured, written into an open file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.parquet import ParquetFile

__all__ = ["ParquetFile", "decoded_bytes", "open_parquet", "write_parquet"]

MEASURED_ROWS, BATCH_BYTES, VALUE_BYTES = 1024, 2**30, 8
"""Rows that are measured at a time, and bytes, at most; bytes of a value that is no text."""


def open_parquet(path: Path) -> ParquetFile:
    """Open a Parquet file for reading: its metadata, a column, or batches of rows. Raises OSError or ArrowInvalid."""
    return ParquetFile(path)


def decoded_bytes(path: Path) -> Iterator[int]:
    """Yield the bytes that its metadata say its pages unpack to; then, from 0, those of its values so far, batch by batch.

    Few bytes can unpack to small pages, and these to many values: a text that a million rows have is in a page once. A batch has so few
    rows that it fits into `BATCH_BYTES` where each is as large as the first one, or as a column's pages. Raises OSError or ArrowException.
    """
    with ParquetFile(path) as file:
        groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
        yield sum(group.total_byte_size for group in groups)
        value_bytes = _decoded if "dictionary<" in str(file.schema_arrow) else _stored
        size = 0
        for number, group in enumerate(groups):
            first = next(map(value_bytes, file.iter_batches(1, row_groups=[number])), 0)
            columns = [group.column(column) for column in range(group.num_columns)]
            widest = max([1, first, *(max(column.total_uncompressed_size, VALUE_BYTES * column.num_values) for column in columns)])
            for batch in file.iter_batches(max(1, min(MEASURED_ROWS, BATCH_BYTES // widest)), row_groups=[number]):
                size += batch.num_rows * batch.num_columns + value_bytes(batch)
                yield size


def _stored(batch: pa.RecordBatch) -> int:
    size: int = batch.nbytes
    return size


def _decoded(values: pa.RecordBatch | pa.Array) -> int:
    """The bytes of a batch or of an array, as if no values were shared."""
    if isinstance(values, pa.RecordBatch):
        return sum(map(_decoded, values.columns))
    if pa.types.is_dictionary(values.type):
        return _decoded(values.dictionary_decode())
    if pa.types.is_struct(values.type):
        return sum(map(_decoded, values.flatten()))
    if pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        return _decoded(values.flatten())
    size: int = values.nbytes
    return size


def write_parquet(table: pa.Table, sink: BinaryIO | pa.NativeFile, **options: Any) -> None:
    """Write a table as Parquet into an open file. options: as of `pyarrow.parquet.write_table`."""
    pq.write_table(table, sink, **options)

"""Parquet files: opened for reading, written into an open file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.parquet import ParquetFile

__all__ = ["ParquetFile", "open_parquet", "write_parquet"]


def open_parquet(path: Path) -> ParquetFile:
    """Open a Parquet file for reading: its metadata, a column, or batches of rows. Raises OSError or ArrowInvalid."""
    return ParquetFile(path)


def write_parquet(table: pa.Table, sink: BinaryIO | pa.NativeFile, **options: Any) -> None:
    """Write a table as Parquet into an open file. options: as of `pyarrow.parquet.write_table`."""
    pq.write_table(table, sink, **options)

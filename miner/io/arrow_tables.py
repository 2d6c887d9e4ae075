"""Arrow files: memory-mapped for reading, created for writing.

A map needs a file of this machine: another file system would fetch the file first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa


def map_arrow(path: Path) -> pa.RecordBatchFileReader:
    """Return a reader of an Arrow file that is memory-mapped: batches are pointers into it. Raises OSError or ArrowInvalid."""
    return pa.ipc.open_file(pa.memory_map(str(path)))


@contextmanager
def create_arrow(path: Path, schema: pa.Schema) -> Iterator[pa.RecordBatchFileWriter]:
    """Yield a writer of a new Arrow file, complete on a clean exit; neither atomic nor synced. Raises OSError."""
    with pa.OSFile(str(path), "wb") as sink:
        writer = pa.ipc.new_file(sink, schema)
        yield writer
        writer.close()  # not after an error: a file without a footer is not taken for a complete one

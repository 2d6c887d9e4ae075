"""Rows as columns: a Parquet file, or a folder that `datasets.load_from_disk` opens.

The types of the columns are known only after the last row (a column may begin with nulls): rows are spooled in Arrow batches of a fixed
size, then copied once, batch by batch, with the unified schema. Memory holds one batch.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Self

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from miner.errors import InputError, StorageError
from miner.io.atomic import Part, folder_part, sha256_of, storing, write_bytes, write_json

BATCH_ROWS = 10_000
SPLITS_FILE = "dataset_dict.json"
DATA_FILE, STATE_FILE, INFO_FILE = "data-00000-of-00001.arrow", "state.json", "dataset_info.json"


class ColumnarSink:
    """The base of Parquet and Folder: spool the rows, unify the schema, copy the batches to the file."""

    def __init__(self, path: Path, columns_hint: Sequence[str] = ()) -> None:
        self.path = path
        self.rows = 0
        self.bytes = 0
        self.sha256 = ""
        self._buffer: list[Mapping[str, Any]] = []
        self._schema = pa.schema([])
        self._hint = columns_hint
        self._exit = ExitStack()

    def write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append rows. Raises InputError for a column with values of two types."""
        for row in rows:
            self._buffer.append(row)
            self.rows += 1
            if len(self._buffer) == BATCH_ROWS:
                self._put()

    def __enter__(self) -> Self:
        with storing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._spool: BinaryIO = self._exit.enter_context(tempfile.TemporaryFile(dir=self.path.parent))
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._exit:
            if kind is None:
                if self._buffer:
                    self._put()
                schema = _without_nulls(self._schema) if self.rows else pa.schema([(name, pa.string()) for name in self._hint])
                with _type_errors(self.path):
                    self._commit(schema)

    def _put(self) -> None:
        names = dict.fromkeys(name for row in self._buffer for name in row)
        with _type_errors(self.path):
            batch = pa.record_batch({name: _array(name, [row.get(name) for row in self._buffer]) for name in names})
            self._schema = pa.unify_schemas([self._schema, batch.schema], promote_options="permissive")
        with storing(self.path), pa.ipc.new_stream(self._spool, batch.schema) as writer:
            writer.write_batch(batch)
        self._buffer = []

    def _batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Yield the spooled batches, in order, each with `schema`."""
        self._spool.seek(0)
        for _ in range(-(-self.rows // BATCH_ROWS)):
            with pa.ipc.open_stream(self._spool) as reader:
                table = reader.read_all()
            columns = [
                table[field.name].cast(field.type) if field.name in table.column_names else pa.nulls(len(table), field.type)
                for field in schema
            ]
            yield from pa.table(columns, schema=schema).combine_chunks().to_batches()

    def _commit(self, schema: pa.Schema) -> None:
        raise NotImplementedError


class Parquet(ColumnarSink):
    """A Parquet file, a row group per batch."""

    def _commit(self, schema: pa.Schema) -> None:
        with Part(self.path) as part:
            with pq.ParquetWriter(part, schema, compression="zstd") as writer:
                for batch in self._batches(schema):
                    writer.write_batch(batch, row_group_size=BATCH_ROWS)
            self.bytes, self.sha256 = part.bytes, part.sha256


class Folder(ColumnarSink):
    """A folder as `datasets.Dataset.save_to_disk` writes it: one Arrow stream and two small JSON files."""

    def _commit(self, schema: pa.Schema) -> None:
        with folder_part(self.path, STATE_FILE) as folder:
            with Part(folder / DATA_FILE) as part, pa.ipc.new_stream(part, schema) as writer:
                for batch in self._batches(schema):
                    writer.write_batch(batch)
            names = ("_format_columns", "_format_type", "_split")
            state = {
                "_data_files": [{"filename": DATA_FILE}],
                "_fingerprint": part.sha256[:16],
                "_format_kwargs": {},
                "_output_all_columns": False,
            }
            write_json(folder / STATE_FILE, state | dict.fromkeys(names))
            write_bytes(folder / INFO_FILE, orjson.dumps({"citation": "", "description": "", "homepage": "", "license": ""}))
            self.bytes, self.sha256 = sum(file.stat().st_size for file in folder.iterdir()), sha256_of(folder)


def read_parquet(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a Parquet file, with one batch in memory."""
    with storing(path, "read"), _read_errors(path), pq.ParquetFile(path) as file:
        for batch in file.iter_batches(BATCH_ROWS):
            yield from batch.to_pylist()


def read_folder(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a folder that `datasets` saved, in the order of its files."""
    if (path / SPLITS_FILE).is_file():
        names = ", ".join(sorted(entry.name for entry in path.iterdir() if (entry / STATE_FILE).is_file()))
        raise InputError(f"this folder holds a dataset for each of its splits ({names}); choose one, as {path}/SPLIT", str(path))
    if path.is_dir() and not (path / STATE_FILE).is_file():
        raise InputError("this folder is neither a training set that `datasets` saved nor a run", str(path))
    with storing(path, "read"), _read_errors(path):
        state = orjson.loads((path / STATE_FILE).read_bytes())
        for entry in state["_data_files"]:
            with pa.memory_map(str(path / entry["filename"])) as source, pa.ipc.open_stream(source) as reader:
                for batch in reader:
                    yield from batch.to_pylist()


@contextmanager
def _type_errors(path: Path) -> Iterator[None]:
    """Turn Arrow's errors about column types into an InputError of one sentence."""
    try:
        yield
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError) as error:
        raise InputError(f"{path.name} wants one type per column, and JSONL does not: {str(error).strip()}") from None


@contextmanager
def _read_errors(path: Path) -> Iterator[None]:
    """Turn errors of an invalid file into a StorageError of one sentence."""
    try:
        yield
    except (pa.ArrowInvalid, orjson.JSONDecodeError, KeyError) as error:
        raise StorageError(f"cannot read {path}: {str(error).strip()}") from None


def _array(name: str, values: list[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise pa.ArrowTypeError(f"column '{name}': {error}") from None


def _without_nulls(schema: pa.Schema) -> pa.Schema:
    """Make columns without any value text columns, which `datasets` and pandas can open."""
    return pa.schema([field.with_type(pa.string()) if pa.types.is_null(field.type) else field for field in schema])


def to_table(rows: Iterable[Mapping[str, Any]], name: str) -> pa.Table:
    """Return the rows as one table in memory, with the column types that a Parquet file of them has.

    name: of the rows, for the message. Raises InputError for a column with values of two types.
    """
    batches: list[pa.RecordBatch] = []
    iterator = iter(rows)
    with _type_errors(Path(name)):
        while chunk := list(islice(iterator, BATCH_ROWS)):
            names = dict.fromkeys(column for row in chunk for column in row)
            batches.append(pa.record_batch({column: _array(column, [row.get(column) for row in chunk]) for column in names}))
        if not batches:
            return pa.table({})
        schema = _without_nulls(pa.unify_schemas([batch.schema for batch in batches], promote_options="permissive"))
        return pa.concat_tables(map(pa.Table.from_batches, ([batch] for batch in batches)), promote_options="permissive").cast(schema)

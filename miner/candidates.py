"""Candidates, scores and evidence on disk: retrieve once, choose many times. One Parquet row per query, one row group per block.

Columns: query_id; query, positives, rows as row numbers into the run's own dataset; scores float32; one list per evidence.
A query searched deeper has longer lists. Read it with anything that reads Parquet.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from miner.errors import StorageError
from miner.pipeline import Block, background, weakest
from miner.types import Candidates, Dataset, Floats

VERSION = 1
LISTS = {"positives": pa.int32(), "positive_scores": pa.float32(), "rows": pa.int32(), "scores": pa.float32()}


class CandidateWriter:
    """Writes blocks as they come; `about` (similarity, depth …) goes into the file's metadata."""

    def __init__(self, path: Path, dataset: Dataset, about: Mapping[str, Any]) -> None:
        self._path, self._dataset = path, dataset
        self._about = {"hardneg": json.dumps({"version": VERSION, **about})}
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._writer:
            self._writer.close()

    def write(self, block: Block) -> None:
        """Append one row group, its queries in id order."""
        tables = [self._table(part) for part in block.parts]
        table = pa.concat_tables(tables)
        if len(tables) > 1:
            order = np.argsort([text.encode() for text in table["query_id"].to_pylist()], kind="stable")
            table = table.take(pa.array(order))
        if self._writer is None:
            schema = table.schema.with_metadata(self._about)
            self._writer = pq.ParquetWriter(self._path, schema, compression="lz4", use_dictionary=["query_id"], write_statistics=False)
        self._writer.write_table(table.replace_schema_metadata(self._about), row_group_size=len(table))

    def _table(self, part: Candidates) -> pa.Table:
        there = part.positives >= 0
        columns: dict[str, Any] = {
            "query_id": self._dataset.queries.ids(part.queries),
            "query": pa.array(part.queries.astype(np.int32)),
            "positives": _ragged(part.positives[there], there.sum(axis=1)),
            "positive_scores": _ragged(part.positive_scores[there], there.sum(axis=1)),
        }
        width = np.full(len(part), part.rows.shape[1])
        for name, values in {"rows": part.rows, "scores": part.scores, **part.evidence}.items():
            columns[name] = _ragged(values.ravel(), width)
        return pa.table(columns)


def read_blocks(path: Path) -> Iterator[list[Candidates]]:
    """Block by block, the candidates of its queries: one Candidates per length of list, in order of length."""
    file, depth = _open(path), about(path)["depth"]
    for group in range(file.num_row_groups):
        table = file.read_row_group(group)
        widths = np.diff(table["rows"].combine_chunks().offsets.to_numpy())
        yield [_part(table.filter(pa.array(widths == width)), int(width), depth) for width in np.unique(widths)]


def read_query(path: Path, place: int) -> Candidates:
    """The candidates of one query, the `place`-th in id order, from 0; no other block is read. StorageError when there is no such query."""
    file, start = _open(path), 0
    for group in range(file.num_row_groups):
        count = file.metadata.row_group(group).num_rows
        if start <= place < start + count:
            row = file.read_row_group(group).slice(place - start, 1).combine_chunks()
            return _part(row, len(row["rows"][0]), about(path)["depth"])
        start += count
    raise StorageError(f"{path} holds candidates of {start} queries: there is no {place + 1}th")


def positive_scores(path: Path) -> Floats:
    """All scores of known positives, in the file's order."""
    file = _open(path)
    parts = [file.read_row_group(group, columns=["positive_scores"])["positive_scores"] for group in range(file.num_row_groups)]
    return np.concatenate([np.empty(0, dtype=np.float32), *(part.combine_chunks().flatten().to_numpy() for part in parts)])


def about(path: Path) -> dict[str, Any]:
    """What the writer put into the metadata."""
    loaded: dict[str, Any] = json.loads(_open(path).schema_arrow.metadata[b"hardneg"])
    return loaded


def _open(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise StorageError(f"{path} cannot be read as candidates: {error}") from error


def _part(table: pa.Table, width: int, depth: int) -> Candidates:
    count = len(table)
    fixed = {
        name: table[name].combine_chunks().flatten().to_numpy().reshape(count, width)
        for name in table.column_names
        if name not in ("query_id", "query", "positives", "positive_scores")
    }
    rows, scores = fixed.pop("rows"), fixed.pop("scores")
    lengths = np.diff(table["positives"].combine_chunks().offsets.to_numpy())
    there = np.arange(max(1, int(lengths.max(initial=0)))) < lengths[:, None]
    positives = np.full(there.shape, -1, dtype=np.int32)
    positives[there] = table["positives"].combine_chunks().flatten().to_numpy()
    known = np.full(there.shape, np.nan, dtype=np.float32)
    known[there] = table["positive_scores"].combine_chunks().flatten().to_numpy()
    queries, bar = table["query"].to_numpy().astype(np.int64), weakest(known)
    return Candidates(queries, rows, scores, positives, known, bar, background(scores, depth), fixed)


def _ragged(values: Any, lengths: Any) -> pa.ListArray:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values))

"""Candidates, scores and evidence on disk: retrieve once, choose many times. A folder of Parquet files, one or two per block of queries.

    block-000000.parquet   every query of the block, candidates up to `depth`
    _deep-000000.parquet   the queries that were searched deeper, candidates up to `max_depth`; no file where there are none

Columns: query_id; query, positives, rows as row numbers into the run's own dataset; scores float32; one list per evidence; of a second
judge `judge:NAME`, its scores of the candidates (NaN where it was not asked), and `judge_positives:NAME`.
Read it with anything that reads Parquet: `pandas.read_parquet(folder)` gives one row a query with the list up to `depth` (readers pass
over names that begin with an underscore). A file is absent or complete, so a run that was interrupted goes on with the blocks that are
missing. While a run is in the making, `blocks.sha256` lies beside the folder: a file whose bytes are not those that were written is
missing too.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NotRequired

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from miner.errors import IntegrityError, StorageError
from miner.io.atomic import sha256_of
from miner.io.folder_tree import rename
from miner.io.parquet_files import ParquetFile, open_parquet, write_parquet
from miner.io.plain_files import append_file, create_file, read_text
from miner.types import Block, Candidates, Dataset, Floats, JudgeScores, RetrievalMetadata, noise_floors, weakest_positive_scores

VERSION = 1
HASH_FILE = "blocks.sha256"
log = logging.getLogger(__name__)
JUDGE, JUDGE_POSITIVES = "judge:", "judge_positives:"
LISTS = {"positives": pa.int32(), "positive_scores": pa.float32(), "rows": pa.int32(), "scores": pa.float32()}


class BlockMetadata(RetrievalMetadata):
    """The metadata of a block's file. deepened_for: see `Block`."""

    version: int
    deepened_for: NotRequired[dict[str, object] | None]


class CandidateWriter:
    """Writes blocks into `folder`, in any order and from several threads; `about` (similarity, depth …) goes into each file's metadata."""

    def __init__(self, folder: Path, dataset: Dataset, about: RetrievalMetadata) -> None:
        self._folder, self._dataset = folder, dataset
        self._about, self._depth = {"version": VERSION, **about}, about["depth"]
        folder.mkdir(exist_ok=True)
        self._hashes, self._lock = folder.with_name(HASH_FILE), threading.Lock()

    def missing(self, blocks: int) -> list[int]:
        """Numbers of the blocks that are not there yet, of so many, or not as they were written: a disk changed them or cut them short."""
        hashes = _read_hashes(self._hashes)
        return [number for number in range(blocks) if not self._is_whole(number, hashes)]

    def _is_whole(self, number: int, hashes: Mapping[str, str]) -> bool:
        within, deep = self._file(number), deep_file(self._file(number))
        return _is_whole(within, hashes) and (deep.name not in hashes or _is_whole(deep, hashes))

    def read(self, number: int) -> Block:
        """A block as it lies on disk."""
        return read_block(self._file(number), self._depth)

    def write(self, number: int, block: Block) -> None:
        """Put one block on disk, its queries in id order; what is deep first, since a block that is there is complete."""
        judges = {"judges": block.judges} if block.judges else {}
        if block.deep:
            self._write(deep_file(self._file(number)), block.deep, judges)
        self._write(self._file(number), block.within, {"deepened_for": block.deepened_for, **judges})

    def _write(self, file: Path, parts: Sequence[Candidates], about: Mapping[str, Any]) -> None:
        tables = [self._table(part) for part in parts]
        table = pa.concat_tables(tables)
        if len(tables) > 1:
            order = np.argsort([text.encode() for text in table["query_id"].to_pylist()], kind="stable")
            table = table.take(pa.array(order))
        incomplete = file.with_name(f".{file.name}")
        with create_file(incomplete) as sink:
            write_parquet(
                table.replace_schema_metadata({"hardneg": json.dumps({**self._about, **about})}),
                sink,
                row_group_size=max(1, len(table)),
                compression="lz4",
                use_dictionary=["query_id"],
                write_statistics=False,
            )
            sink.flush()
            os.fsync(sink.fileno())
        digest = sha256_of(incomplete)
        rename(incomplete, file)
        with self._lock, append_file(self._hashes, buffered=False) as hashes:
            hashes.write(f"{digest}  {file.name}\n".encode())
            os.fsync(hashes.fileno())

    def _file(self, number: int) -> Path:
        return self._folder / f"block-{number:06d}.parquet"

    def _table(self, part: Candidates) -> pa.Table:
        is_present = part.positives >= 0
        columns: dict[str, list[str] | pa.Array] = {
            "query_id": self._dataset.queries.ids(part.queries),
            "query": pa.array(part.queries.astype(np.int32)),
            "positives": _ragged(part.positives[is_present], is_present.sum(axis=1)),
            "positive_scores": _ragged(part.positive_scores[is_present], is_present.sum(axis=1)),
        }
        for name, each in part.judges.items():
            columns[f"{JUDGE_POSITIVES}{name}"] = _ragged(each.positive_scores[is_present], is_present.sum(axis=1))
        width = np.full(len(part), part.rows.shape[1])
        judges = {f"{JUDGE}{name}": each.scores for name, each in part.judges.items()}
        for name, values in {"rows": part.rows, "scores": part.scores, **part.evidence, **judges}.items():
            columns[name] = _ragged(values.ravel(), width)
        return pa.table(columns)


def deep_file(file: Path) -> Path:
    """Where the deep lists of a block's queries are."""
    return file.with_name(file.name.replace("block-", "_deep-", 1))


def blocks(folder: Path) -> list[Path]:
    """The files of all blocks, in the order of their queries' ids. StorageError when there is none."""
    files = sorted(folder.glob("block-*.parquet"))
    if not files:
        raise StorageError(f"{folder} cannot be read as candidates: it holds no block")
    return files


def check_belongs(folder: Path, dataset: Dataset) -> None:
    """IntegrityError unless the blocks together hold every query of `dataset`, in the order of ids, and no other."""
    query_ids = list(chain.from_iterable(_read(file, "query_id").to_pylist() for file in blocks(folder)))
    expected = dataset.queries.ids(dataset.queries.id_order)
    if query_ids != expected:
        difference = (
            "its queries are others"
            if len(query_ids) == len(expected)
            else f"it has candidates of {len(query_ids):,} queries, not {len(expected):,}"
        )
        raise IntegrityError(f"{folder} does not belong to the texts beside it: {difference}")


def read_blocks(folder: Path) -> Iterator[Block]:
    """Block by block, the candidates of its queries."""
    depth = about(folder)["depth"]
    return (read_block(file, depth) for file in blocks(folder))


def read_block(file: Path, depth: int) -> Block:
    """The candidates of one block; `depth` is what `about` tells."""
    deep, metadata = deep_file(file), _about(file)
    deep_parts = _parts(_read(deep), depth) if deep.exists() else []
    return Block(_parts(_read(file), depth), deep_parts, metadata.get("deepened_for"), metadata.get("judges", {}))


def _parts(table: pa.Table, depth: int) -> list[Candidates]:
    """One Candidates per length of list, in order of length."""
    widths = np.diff(table["rows"].combine_chunks().offsets.to_numpy())
    return [_part(table.filter(pa.array(widths == width)), int(width), depth) for width in np.unique(widths)]


def read_query(folder: Path, position: int) -> Block:
    """The candidates of one query, the `position`-th in id order, from 0; no other block is read. StorageError where it is missing."""
    start = 0
    for file in blocks(folder):
        count = _open(file).metadata.num_rows
        if start <= position < start + count:
            row, depth, deep = _read(file).slice(position - start, 1).combine_chunks(), about(folder)["depth"], deep_file(file)
            deep_parts = []
            if deep.exists():
                deep_table = _read(deep)
                deep_parts = _parts(deep_table.filter(pc.equal(deep_table["query"], row["query"][0])).combine_chunks(), depth)
            return Block(_parts(row, depth), deep_parts, _about(file).get("deepened_for"))
        start += count
    raise StorageError(f"{folder} holds candidates of {start} queries: there is no {position + 1}th")


def positive_scores(folder: Path, judge: str | None = None) -> Floats:
    """All scores of known positives, by the source or by a second judge, in the order of the queries' ids."""
    column = "positive_scores" if judge is None else f"{JUDGE_POSITIVES}{judge}"
    parts = [_read(file, column) for file in blocks(folder)]
    return np.concatenate([np.empty(0, dtype=np.float32), *(part.combine_chunks().flatten().to_numpy() for part in parts)])


def about(folder: Path) -> RetrievalMetadata:
    """What the writer put into the metadata."""
    return _about(blocks(folder)[0])


def _about(file: Path) -> BlockMetadata:
    try:
        loaded: BlockMetadata = json.loads((_open(file).schema_arrow.metadata or {})[b"hardneg"])
    except (KeyError, ValueError):
        raise StorageError(f"{file} cannot be read as candidates: it does not say how they were made") from None
    return loaded


def _open(file: Path) -> ParquetFile:
    try:
        return open_parquet(file)
    except (OSError, pa.ArrowException) as error:
        raise StorageError(f"{file} cannot be read as candidates: {error}") from error


def _read_hashes(path: Path) -> dict[str, str]:
    """The hash of each block by the name of its file, as it was written; of one written twice, the last."""
    lines = read_text(path, errors="replace").splitlines() if path.exists() else []
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _is_whole(file: Path, hashes: Mapping[str, str]) -> bool:
    """Whether a block is there with the bytes that were written; of one that is not, the log says so."""
    if not file.exists() or file.name not in hashes:  # or killed before its hash was noted
        return False
    if is_equal := sha256_of(file) == hashes[file.name]:
        return is_equal
    log.warning("%s is damaged: its bytes are not those that were written; it is made again", file)
    return False


def _read(file: Path, column: str | None = None) -> Any:
    """The table of a block, or one column of it."""
    parquet = _open(file)
    try:
        return parquet.read() if column is None else parquet.read(columns=[column])[column]
    except (OSError, KeyError, pa.ArrowException) as error:
        raise StorageError(f"{file} cannot be read as candidates: {error}") from error


def _part(table: pa.Table, width: int, depth: int) -> Candidates:
    count = len(table)
    columns = {
        name: table[name].combine_chunks().flatten().to_numpy().reshape(count, width)
        for name in table.column_names
        if name not in ("query_id", "query", "positives", "positive_scores") and not name.startswith(JUDGE_POSITIVES)
    }
    rows, scores = columns.pop("rows"), columns.pop("scores")
    positives, positive_scores = _padded(table, "positives", -1, np.int32), _padded(table, "positive_scores", np.nan, np.float32)
    judges = {
        name.removeprefix(JUDGE): JudgeScores(
            columns.pop(name), _padded(table, f"{JUDGE_POSITIVES}{name.removeprefix(JUDGE)}", np.nan, np.float32)
        )
        for name in [name for name in columns if name.startswith(JUDGE)]
    }
    queries, reference_scores = table["query"].to_numpy().astype(np.int64), weakest_positive_scores(positive_scores)
    floors = noise_floors(scores, columns, depth)
    return Candidates(queries, rows, scores, positives, positive_scores, reference_scores, floors, columns, judges=judges)


def _padded(table: pa.Table, column: str, padding: float, dtype: Any) -> Any:
    """Shape (B, P): a column of lists, padded."""
    values = table[column].combine_chunks()
    lengths = np.diff(values.offsets.to_numpy())
    is_present = np.arange(max(1, int(lengths.max(initial=0)))) < lengths[:, None]
    out = np.full(is_present.shape, padding, dtype=dtype)
    out[is_present] = values.flatten().to_numpy()
    return out


def _ragged(values: Any, lengths: Any) -> pa.ListArray:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values))

"""The writer of row files: JSONL, plain or compressed, JSON, Parquet, a `datasets` folder, standard output.

The kind follows from the name. The same rows give the same bytes, however they are split over `write` calls.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

import orjson
import zstandard

from miner.io import arrow_files
from miner.io.atomic import Part, sha256_of, write_bytes, write_json
from miner.io.file_kinds import KINDS, output_kind
from miner.io.pipe import Pipe

__all__ = ["KINDS", "Sink", "open_sink", "output_kind", "sha256_of", "write_bytes", "write_json"]

COMPRESS_CHUNK_BYTES = 1 << 20
"""Bytes compressed at a time: fixed chunks, so that the same rows give the same bytes."""


class Sink(Protocol):
    """A row file in progress: enter, `write` many times, exit. On an exception nothing is written, and an existing file stays.

    `bytes` and `sha256` are final after the exit.
    """

    @property
    def rows(self) -> int:
        """Rows written."""
        ...

    @property
    def bytes(self) -> int:
        """Bytes written."""
        ...

    @property
    def sha256(self) -> str:
        """Hash of the bytes written."""
        ...

    def write(self, rows: Iterable[Any]) -> None:
        """Append rows."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None: ...


def open_sink(path: str | Path, columns_hint: Sequence[str] = ()) -> Sink:
    """Open a sink for `path`. columns_hint: columns of a Parquet file or a folder without rows."""
    kind = output_kind(path)
    if kind == ".parquet":
        return arrow_files.Parquet(Path(path), columns_hint)
    if kind == "folder":
        return arrow_files.Folder(Path(path), columns_hint)
    return Lines(path, kind, LIST if kind == ".json" else LINES)


class Frame(NamedTuple):
    """How rows become bytes: the encoding of a row, and the bytes before, between and after the rows."""

    encode: Callable[[Any], bytes]
    head: bytes = b""
    separator: bytes = b""
    tail: bytes = b""


LINES = Frame(partial(orjson.dumps, option=orjson.OPT_APPEND_NEWLINE))
LIST = Frame(orjson.dumps, b"[\n", b",\n", b"\n]\n")


class Lines:
    """A row per line, framed."""

    def __init__(self, path: str | Path, kind: str, frame: Frame = LINES) -> None:
        self.rows = 0
        self._path, self._kind, self._frame = path, kind, frame
        self._buffer = bytearray(frame.head)
        self._compress, self._finish = _compression(kind)

    @property
    def bytes(self) -> int:
        """Bytes written, after compression."""
        return self._target.bytes

    @property
    def sha256(self) -> str:
        """Hash of the bytes written."""
        return self._target.sha256

    def write(self, rows: Iterable[Any]) -> None:
        """Append rows, one line each."""
        for row in rows:
            if self.rows:
                self._buffer += self._frame.separator
            self._buffer += self._frame.encode(row)
            self.rows += 1
            while len(self._buffer) >= COMPRESS_CHUNK_BYTES:
                self._target.write(self._compress(bytes(self._buffer[:COMPRESS_CHUNK_BYTES])))
                del self._buffer[:COMPRESS_CHUNK_BYTES]

    def __enter__(self) -> Self:
        self._target: Part | Pipe = Pipe() if self._kind == "-" else Part(Path(self._path))
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._target.abandon()
            return
        with self._target:
            self._target.write(self._compress(bytes(self._buffer) + self._frame.tail) + self._finish())


def _compression(kind: str) -> tuple[Callable[[bytes], bytes], Callable[[], bytes]]:
    """Return the functions that compress bytes and end the stream. The header has no time and no name: same rows, same file."""
    if kind == ".jsonl.gz":
        gzip = zlib.compressobj(6, zlib.DEFLATED, 31)  # 31: 15 bits of window, + 16 for a gzip header
        return gzip.compress, gzip.flush
    if kind == ".jsonl.zst":
        zstd = zstandard.ZstdCompressor(level=3, write_checksum=True).compressobj()
        return zstd.compress, zstd.flush
    return bytes, bytes

"""The one writer of rows in files: JSONL, plain or compressed, JSON, Parquet, a `datasets` folder, standard output.

The kind follows from the name. The same rows give the same bytes, however they are cut into `write` calls.
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
from miner.io.file_kinds import KINDS, kind_of
from miner.io.pipe import Pipe

__all__ = ["KINDS", "Sink", "kind_of", "open_sink", "sha256_of", "write_bytes", "write_json"]

CHUNK = 1 << 20
"""Bytes that are compressed at a time: always the same cuts, so always the same bytes."""


class Sink(Protocol):
    """Rows on their way into a file: enter, `write` many times, leave. On an exception nothing is left, and what was there stays.

    rows, bytes and sha256 tell what was written; the last two are final after leaving.
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

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None: ...


def open_sink(path: str | Path, columns_hint: Sequence[str] = ()) -> Sink:
    """A sink for `path`. columns_hint: columns of a Parquet file or a folder in which no row arrives."""
    kind = kind_of(path)
    if kind == ".parquet":
        return arrow_files.Parquet(Path(path), columns_hint)
    if kind == "folder":
        return arrow_files.Folder(Path(path), columns_hint)
    return Lines(path, kind, LIST if kind == ".json" else LINES)


class Frame(NamedTuple):
    """How rows become bytes: each row's own, what stands before, between and after them."""

    encode: Callable[[Any], bytes]
    head: bytes = b""
    between: bytes = b""
    tail: bytes = b""


LINES = Frame(partial(orjson.dumps, option=orjson.OPT_APPEND_NEWLINE))
LIST = Frame(orjson.dumps, b"[\n", b",\n", b"\n]\n")


class Lines:
    """A row per line, framed."""

    def __init__(self, path: str | Path, kind: str, frame: Frame = LINES) -> None:
        self.rows = 0
        self._path, self._kind, self._frame = path, kind, frame
        self._held = bytearray(frame.head)
        self._compress, self._finish = _compression(kind)

    @property
    def bytes(self) -> int:
        """Bytes written, after compression."""
        return self._target.bytes

    @property
    def sha256(self) -> str:
        """Of the bytes written."""
        return self._target.sha256

    def write(self, rows: Iterable[Any]) -> None:
        """Append rows, one line each."""
        for row in rows:
            if self.rows:
                self._held += self._frame.between
            self._held += self._frame.encode(row)
            self.rows += 1
            while len(self._held) >= CHUNK:
                self._target.write(self._compress(bytes(self._held[:CHUNK])))
                del self._held[:CHUNK]

    def __enter__(self) -> Self:
        self._target: Part | Pipe = Pipe() if self._kind == "-" else Part(Path(self._path))
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._target.abandon()
            return
        with self._target:
            self._target.write(self._compress(bytes(self._held) + self._frame.tail) + self._finish())


def _compression(kind: str) -> tuple[Callable[[bytes], bytes], Callable[[], bytes]]:
    """How bytes are compressed, and what comes at the end. No time and no name in the header: the same rows, the same file."""
    if kind == ".jsonl.gz":
        packer = zlib.compressobj(6, zlib.DEFLATED, 31)  # 31: 15 bits of window, + 16 for a gzip header
        return packer.compress, packer.flush
    if kind == ".jsonl.zst":
        zstd = zstandard.ZstdCompressor(level=3, write_checksum=True).compressobj()
        return zstd.compress, zstd.flush
    return bytes, bytes

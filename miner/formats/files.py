"""The one writer and the one reader of rows in files: JSONL, plain or compressed, Parquet, a `datasets` folder, standard output.

The kind follows from the name. The same rows give the same bytes, however they are cut into `write` calls.
"""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, Self

import orjson
import zstandard

from miner.errors import ConfigError, InputError, StorageError
from miner.formats import arrow
from miner.formats.atomic import Part, sha256_of, storing, write_bytes, write_json
from miner.formats.pipe import Pipe

__all__ = ["KINDS", "Sink", "kind_of", "open_sink", "read_rows", "sha256_of", "write_bytes", "write_json"]

KINDS = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet")
CHUNK = 1 << 20
"""Bytes that are compressed at a time: always the same cuts, so always the same bytes."""


class Sink(Protocol):
    """Rows on their way into a file: enter, `write` many times, leave. On an exception nothing is left, and what was there stays.

    rows, bytes and sha256 tell what was written; the last two are final after leaving.
    """

    rows: int

    @property
    def bytes(self) -> int:
        """Bytes written."""
        ...

    @property
    def sha256(self) -> str:
        """Hash of the bytes written."""
        ...

    def write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append rows."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None: ...


def kind_of(path: str | Path) -> str:
    """One of KINDS, "-" for standard output, or "folder"; ConfigError for a name we do not write."""
    name = str(path)
    if name == "-":
        return "-"
    for kind in KINDS:
        if name.endswith(kind):
            return kind
    if name.endswith("/") or (name and not Path(name).suffix):
        return "folder"
    raise ConfigError(
        f"cannot tell what to write from the name '{name}': {', '.join(KINDS)}, a name without a suffix (a datasets folder) or -"
    )


def open_sink(path: str | Path, columns_hint: Sequence[str] = ()) -> Sink:
    """A sink for `path`. columns_hint: columns of a Parquet file or a folder in which no row arrives."""
    kind = kind_of(path)
    if kind == ".parquet":
        return arrow.Parquet(Path(path), columns_hint)
    if kind == "folder":
        return arrow.Folder(Path(path), columns_hint)
    return Lines(path, kind)


class Lines:
    """One JSON object per line."""

    def __init__(self, path: str | Path, kind: str) -> None:
        self.rows = 0
        self._path, self._kind = path, kind
        self._held = bytearray()
        self._compress, self._finish = _compression(kind)

    @property
    def bytes(self) -> int:
        """Bytes written, after compression."""
        return self._target.bytes

    @property
    def sha256(self) -> str:
        """Of the bytes written."""
        return self._target.sha256

    def write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append rows, one line each."""
        for row in rows:
            self._held += orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
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
            self._target.write(self._compress(bytes(self._held)) + self._finish())


def read_rows(path: str | Path) -> Iterator[dict[str, Any]]:
    """The rows of any kind of file we write; "-" is standard input. InputError names file and line."""
    kind = kind_of(path)
    if kind == ".parquet":
        yield from arrow.read_parquet(Path(path))
    elif kind == "folder":
        yield from arrow.read_folder(Path(path))
    else:
        yield from _read_lines(path, kind)


def _read_lines(path: str | Path, kind: str) -> Iterator[dict[str, Any]]:
    with storing(path, "read"), _open(path, kind) as lines:
        try:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield _parse(line, f"{path}:{number}")
        except (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
            raise StorageError(f"cannot read {path}: the compressed data is broken") from error


def _open(path: str | Path, kind: str) -> io.BufferedIOBase:
    if kind == "-":
        return io.BufferedReader(io.FileIO(sys.stdin.fileno(), closefd=False))
    if kind == ".jsonl.gz":
        return gzip.open(path)
    if kind == ".jsonl.zst":
        file = Path(path).open("rb")  # noqa: SIM115 – closed with the reader
        return io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True, closefd=True))
    return Path(path).open("rb")


def _parse(line: bytes, where: str) -> dict[str, Any]:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise InputError(f"this is not JSON: {error.msg}", where) from None
    if not isinstance(row, dict):
        raise InputError("each line is one JSON object, with names", where)
    return row


def _compression(kind: str) -> tuple[Callable[[bytes], bytes], Callable[[], bytes]]:
    """How bytes are compressed, and what comes at the end. No time and no name in the header: the same rows, the same file."""
    if kind == ".jsonl.gz":
        packer = zlib.compressobj(6, zlib.DEFLATED, 31)  # 31: 15 bits of window, + 16 for a gzip header
        return packer.compress, packer.flush
    if kind == ".jsonl.zst":
        zstd = zstandard.ZstdCompressor(level=3, write_checksum=True).compressobj()
        return zstd.compress, zstd.flush
    return bytes, bytes

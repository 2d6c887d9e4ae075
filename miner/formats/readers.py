"""Rows in: any kind of file we write, each row with its place. Streams: memory holds one batch, or one line."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import zstandard

from miner.errors import InputError, StorageError
from miner.formats import arrow
from miner.formats.atomic import storing
from miner.formats.cells import Fault, Row, stop
from miner.formats.kinds import kind_of


def read_rows(path: str | Path) -> Iterator[dict[str, Any]]:
    """The rows of any kind of file we write; "-" is standard input. InputError names file and line."""
    return (dict(row.values) for row in placed_rows(path))


def placed_rows(path: str | Path, on_fault: Fault = stop) -> Iterator[Row]:
    """The same, each with its place; a line that is no JSON object goes to `on_fault`."""
    kind = kind_of(path)
    if kind not in (".parquet", "folder"):
        yield from _lines(path, kind, on_fault)
        return
    rows = arrow.read_parquet(Path(path)) if kind == ".parquet" else arrow.read_folder(Path(path))
    for number, row in enumerate(rows, start=1):
        yield Row(row, f"{path}: row {number}")


def _lines(path: str | Path, kind: str, on_fault: Fault) -> Iterator[Row]:
    with storing(path, "read"), _open(path, kind) as lines:
        try:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    try:
                        row = Row(_parse(line, f"{path}:{number}"), f"{path}:{number}")
                    except InputError as fault:
                        on_fault(fault)
                        continue
                    yield row
        except (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
            raise StorageError(f"cannot read {path}: the compressed data is broken") from error


def _open(path: str | Path, kind: str) -> io.BufferedIOBase:
    if kind == "-":
        return io.BufferedReader(io.FileIO(sys.stdin.fileno(), closefd=False))
    if kind.endswith(".gz"):
        return gzip.open(path)
    if kind.endswith(".zst"):
        file = Path(path).open("rb")  # noqa: SIM115 – closed with the reader
        return io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True, closefd=True))
    return Path(path).open("rb")


def _parse(line: bytes, where: str) -> dict[str, Any]:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        named = [word for word in (b"NaN", b"Infinity") if word in line]
        raise InputError(f"this is not JSON: {error.msg}" + (f" ({named[0].decode()} is no JSON number)" if named else ""), where) from None
    if not isinstance(row, dict):
        raise InputError("each line is one JSON object, with names", where)
    return row

"""Compressed bodies (Content-Encoding) and files, decompressed in chunks within limits: a bomb is refused before it fills the memory."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Protocol, Self

import pyarrow as pa
import zstandard

from app.errors import TooLarge, WrongMedia
from miner.errors import InputError
from miner.io.parquet_files import decoded_bytes

PIECE_BYTES = 2**18
ZSTD_INPUT_BYTES = 512
"""Bytes that zstd gets at a time: they expand to 16 MB at most."""
MAX_WINDOW_BYTES = 2**27
"""Memory of a decoder; a stream that needs more is refused."""
RATIO_GRACE_BYTES = 2**20


class Decoder(Protocol):
    """Decodes chunks; `ended` when a stream is complete."""

    ended: bool

    def __call__(self, data: bytes) -> Iterator[bytes]:
        """The decoded bytes of `data`, in chunks."""
        ...


class Plain:
    """No compression."""

    ended = True

    def __call__(self, data: bytes) -> Iterator[bytes]:
        """`data`, unchanged."""
        yield data


class Gzip:
    """One gzip member or several."""

    def __init__(self) -> None:
        self._inner, self.ended = zlib.decompressobj(31), False

    def __call__(self, data: bytes) -> Iterator[bytes]:
        """At most PIECE bytes at a time."""
        is_full = False
        while data or is_full:  # a full piece: more may come of what zlib has already taken in
            if self.ended:
                self._inner = zlib.decompressobj(31)
            try:
                chunk = self._inner.decompress(data, PIECE_BYTES)
            except zlib.error:
                raise InputError("it is not gzip, or is damaged") from None
            yield chunk
            self.ended = self._inner.eof
            is_full = len(chunk) == PIECE_BYTES and not self.ended
            data = self._inner.unused_data if self.ended else self._inner.unconsumed_tail


class Zstd:
    """One zstd frame or several."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._inner, self.ended = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES).decompressobj(), False

    def __call__(self, data: bytes) -> Iterator[bytes]:
        """At most 16 MB at a time."""
        for start in range(0, len(data), ZSTD_INPUT_BYTES):
            remaining = data[start : start + ZSTD_INPUT_BYTES]
            while remaining:
                if self.ended:
                    self._begin()
                try:
                    yield self._inner.decompress(remaining)
                except zstandard.ZstdError:
                    raise InputError("it is not zstd, or is damaged") from None
                self.ended = self._inner.eof
                remaining = self._inner.unused_data if self.ended else b""


class Blocks:
    """One stream or several of a decoder of the standard library, which keeps what it has not decoded yet."""

    def __init__(self, name: str, begin: Callable[[], bz2.BZ2Decompressor | lzma.LZMADecompressor]) -> None:
        self._name, self._begin_stream = name, begin
        self._inner, self.ended = begin(), False

    def __call__(self, data: bytes) -> Iterator[bytes]:
        """At most PIECE bytes at a time."""
        while data or not (self.ended or self._inner.needs_input):
            if self.ended:
                self._inner = self._begin_stream()
            try:
                yield self._inner.decompress(data, PIECE_BYTES)
            except (OSError, lzma.LZMAError):
                raise InputError(f"it is not {self._name}, or is damaged") from None
            self.ended = self._inner.eof
            data = self._inner.unused_data.lstrip(b"\0") if self.ended else b""  # xz may fill its last block with zeros


def bzip2() -> Blocks:
    """A decoder of bzip2."""
    return Blocks("bzip2", bz2.BZ2Decompressor)


def xz() -> Blocks:
    """A decoder of xz."""
    return Blocks("xz", partial(lzma.LZMADecompressor, format=lzma.FORMAT_XZ, memlimit=MAX_WINDOW_BYTES))


DECODERS: dict[str, Callable[[], Decoder]] = {"identity": Plain, "": Plain, "gzip": Gzip, "x-gzip": Gzip, "zstd": Zstd}
"""By Content-Encoding."""
FILE_DECODERS: dict[str, Callable[[], Decoder]] = {".gz": Gzip, ".zst": Zstd, ".bz2": bzip2, ".xz": xz}
"""By the suffix of a file's name."""


class Decompressor:
    """Decompresses a stream.

    subject: what messages call it.
    max_bytes: size of the content; TooLarge beyond it.
    ratio: bytes of content per compressed byte, after the first MiB of content; TooLarge beyond it.
    """

    def __init__(self, decoder: Decoder, subject: str, max_bytes: int, ratio: int) -> None:
        self._decoder, self._subject, self._limits = decoder, subject, (max_bytes, ratio)
        self._in, self._out = 0, 0

    @classmethod
    def of_body(cls, encoding: str, max_bytes: int, ratio: int) -> Self:
        """Of a body, by its Content-Encoding. WrongMedia for an unknown one."""
        decoder = DECODERS.get(encoding.strip().lower())
        if decoder is None:
            raise WrongMedia("Content-Encoding is one of identity, gzip, zstd")
        return cls(decoder(), "the body", max_bytes, ratio)

    @classmethod
    def of_file(cls, suffix: str, max_bytes: int, ratio: int) -> Self:
        """Of a file, by the suffix of its name."""
        return cls(FILE_DECODERS.get(Path(suffix).suffix or suffix, Plain)(), f"the file, by its name {suffix}", max_bytes, ratio)

    def __call__(self, data: bytes) -> Iterator[bytes]:
        """The content of a chunk."""
        self._in += len(data)
        try:
            for chunk in self._decoder(data):
                self._out += len(chunk)
                _check_size(self._out, self._in, *self._limits)
                if chunk:
                    yield chunk
        except InputError as error:
            raise InputError(f"{self._subject}: {error}") from None

    def finish(self) -> None:
        """InputError when the compressed stream is not complete."""
        if not self._decoder.ended:
            raise InputError(f"{self._subject}: it ends too early")


def check_parquet(path: Path, max_bytes: int, ratio: int) -> None:
    """Check a Parquet file against the limits of a compressed file. TooLarge; InputError where it is no Parquet file."""
    compressed = path.stat().st_size
    try:
        for size in decoded_bytes(path):
            _check_size(size, compressed, max_bytes, ratio)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"the file, by its name .parquet: it is not Parquet, or is damaged: {str(error).splitlines()[0]}") from None


def _check_size(content: int, compressed: int, max_bytes: int, ratio: int) -> None:
    if content > max_bytes:
        raise TooLarge(f"the content is larger than the {max_bytes:,} bytes that are accepted here")
    if content > RATIO_GRACE_BYTES + ratio * compressed:
        raise TooLarge(f"the compressed body expands by more than a factor of {ratio}, which is not accepted here")

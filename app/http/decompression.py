"""Compressed bodies (Content-Encoding), decompressed in chunks within limits: a bomb is refused before it fills the memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Protocol

import zstandard

from app.errors import TooLarge, WrongMedia
from miner.errors import InputError

PIECE_BYTES = 2**18
ZSTD_INPUT_BYTES = 512
"""Bytes that zstd gets at a time: they expand to 16 MB at most."""
MAX_WINDOW_BYTES = 2**27
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
                raise InputError("the body is not gzip, or is damaged") from None
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
                    raise InputError("the body is not zstd, or is damaged") from None
                self.ended = self._inner.eof
                remaining = self._inner.unused_data if self.ended else b""


DECODERS: dict[str, type[Plain] | type[Gzip] | type[Zstd]] = {"identity": Plain, "": Plain, "gzip": Gzip, "x-gzip": Gzip, "zstd": Zstd}


class Decompressor:
    """Decompresses a body.

    max_bytes: size of the content; TooLarge beyond it.
    ratio: bytes of content per compressed byte, after the first MiB of content; TooLarge beyond it.
    """

    def __init__(self, encoding: str, max_bytes: int, ratio: int) -> None:
        decoder = DECODERS.get(encoding.strip().lower())
        if decoder is None:
            raise WrongMedia("Content-Encoding is one of identity, gzip, zstd")
        self._decoder: Decoder = decoder()
        self._max_bytes, self._ratio, self._in, self._out = max_bytes, ratio, 0, 0

    def __call__(self, data: bytes) -> Iterator[bytes]:
        """The content of a chunk."""
        self._in += len(data)
        for chunk in self._decoder(data):
            self._out += len(chunk)
            if self._out > self._max_bytes:
                raise TooLarge(f"the content is larger than the {self._max_bytes:,} bytes that are accepted here")
            if self._out > RATIO_GRACE_BYTES + self._ratio * self._in:
                raise TooLarge(f"the compressed body expands by more than a factor of {self._ratio}, which is not accepted here")
            if chunk:
                yield chunk

    def finish(self) -> None:
        """InputError when the compressed stream is not complete."""
        if not self._decoder.ended:
            raise InputError("the compressed body ends too early")

"""Compressed bodies and files: what they may become, by size and by ratio."""

import bz2
import gzip
import lzma
import random

import pytest
import zstandard

from app.errors import TooLarge
from app.http.decompression import RATIO_GRACE_BYTES, Decompressor

ZSTD = zstandard.ZstdCompressor().compress
COMPRESS = {"gzip": gzip.compress, "zstd": ZSTD, ".gz": gzip.compress, ".csv.zst": ZSTD, ".bz2": bz2.compress, ".json.xz": lzma.compress}
formats = pytest.mark.parametrize("encoding", COMPRESS)


def size_of_content(encoding, content, *, max_bytes=2**30, ratio=100):
    """The size of what comes out."""
    open_stream = Decompressor.of_file if encoding.startswith(".") else Decompressor.of_body
    decompressor = open_stream(encoding, max_bytes, ratio)
    size = sum(map(len, decompressor(COMPRESS[encoding](content))))
    decompressor.finish()
    return size


@formats
def test_a_small_body_that_becomes_large_is_refused(encoding):
    """By its ratio, far below the limit of the size; the first MiB is free, and what hardly compresses has no such limit."""
    with pytest.raises(TooLarge, match="expands by more than a factor of 100"):
        size_of_content(encoding, bytes(3 * RATIO_GRACE_BYTES))
    assert size_of_content(encoding, bytes(RATIO_GRACE_BYTES)) == RATIO_GRACE_BYTES
    noise = random.Random(1).randbytes(3 * RATIO_GRACE_BYTES)
    assert size_of_content(encoding, noise, ratio=2) == len(noise)


@formats
def test_no_content_is_larger_than_the_limit(encoding):
    """To the byte."""
    assert size_of_content(encoding, bytes(1000), max_bytes=1000) == 1000
    with pytest.raises(TooLarge, match="larger than the 1,000 bytes"):
        size_of_content(encoding, bytes(1001), max_bytes=1000)

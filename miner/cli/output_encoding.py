r"""Output in an encoding that lacks characters: ASCII equivalents for those that we draw with, \uXXXX for those of the user's texts."""

from __future__ import annotations

import codecs
import sys
from typing import TextIO

HANDLER_NAME = "hardneg.ascii"

ASCII_EQUIVALENTS = str.maketrans("–—−…×·•✓≤≥→", "---.x**v<>>")
"""One character for one, and no quotation marks: these have a meaning in output that programs read."""
BAR_CHARACTERS = {ord(character): "#" for character in "█▉▊▋▌▍▎▏▇▆▅▄▃▂▁━╸╺─│┃"}


PLAIN_ASCII = "hardneg_ascii"
"""ASCII under a name of our own: click takes a stream of ASCII for a mistake, and writes UTF-8 to it."""


def degrade(*streams: TextIO) -> None:
    """Make the streams replace characters that their encoding lacks, and lone surrogates, instead of raising."""
    codecs.register_error(HANDLER_NAME, _ascii)
    codecs.register(_plain_ascii)
    for stream in streams or (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a notebook's or a test's own stream takes everything
            is_ascii = codecs.lookup(stream.encoding).name == "ascii"
            stream.reconfigure(encoding=PLAIN_ASCII if is_ascii else None, errors=HANDLER_NAME)


def _plain_ascii(name: str) -> codecs.CodecInfo | None:
    ascii_codec = codecs.lookup("ascii")
    if name != PLAIN_ASCII:
        return None
    return codecs.CodecInfo(
        ascii_codec.encode,
        ascii_codec.decode,
        ascii_codec.streamreader,
        ascii_codec.streamwriter,
        ascii_codec.incrementalencoder,
        ascii_codec.incrementaldecoder,
        name,
    )


def _ascii(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    return "".join(map(_escape, characters)), error.end


def _escape(character: str) -> str:
    """The ASCII equivalent of a character, or its escape as in JSON, so that a line of JSON stays valid."""
    ascii_text = character.translate(ASCII_EQUIVALENTS).translate(BAR_CHARACTERS)
    if ascii_text.isascii():
        return ascii_text
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[index]:02x}{units[index + 1]:02x}" for index in range(0, len(units), 2))

r"""Output on a terminal or pipe that cannot show every sign: ASCII for the few that we draw with, \uXXXX for the user's own."""

from __future__ import annotations

import codecs
import sys
from typing import TextIO

NAME = "hardneg.ascii"

ALIKE = str.maketrans("–—−…×·•✓≤≥→", "---.x**v<>>")
"""One sign for one, and no quotation marks: these have a meaning in what is read by programs."""
BARS = {ord(sign): "#" for sign in "█▉▊▋▌▍▎▏▇▆▅▄▃▂▁━╸╺─│┃"}


def degrade(*streams: TextIO) -> None:
    """Never fail to write a text: a sign that the encoding lacks, or that is none, is written as what stands for it."""
    codecs.register_error(NAME, _ascii)
    for stream in streams or (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a notebook's or a test's own stream takes everything
            stream.reconfigure(errors=NAME)


def _ascii(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(map(_sign, lacking)), error.end


def _sign(sign: str) -> str:
    """As JSON writes it, so that a line of JSON stays one."""
    plain = sign.translate(ALIKE).translate(BARS)
    if plain.isascii():
        return plain
    units = sign.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))

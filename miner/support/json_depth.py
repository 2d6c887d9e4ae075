"""How deep lists and objects of JSON lie in one another: one limit for every reader. Imports its neighbours only.

A parser of a stream takes memory with the square of the depth, and orjson writes no more than 254 levels.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from miner.support.utf8 import REMEDY

MAX_DEPTH = 200
TOO_DEEP = f"lists or objects lie more than {MAX_DEPTH} deep in one another"
BRACKETS = b"[]{}"
NO_STRUCTURE = bytes(set(range(256)) - {*BRACKETS, ord('"')})
"""Bytes that neither begin nor end a string, a list or an object."""


class TooDeepError(ValueError):
    """Lists or objects lie too deep in one another. It never leaves the package."""


class Readable(Protocol):
    """A file that is read in blocks."""

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes."""
        ...


class ShallowJson:
    """A stream of JSON that raises TooDeepError before a parser sees what lies too deep."""

    def __init__(self, stream: Readable) -> None:
        self._stream, self._depth = stream, Depth()

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, at most `size`."""
        block = self._stream.read(size)
        if self._depth.after(block) > MAX_DEPTH:
            raise TooDeepError(TOO_DEEP)
        return block


def stream_fault(error: Exception, number: int) -> str:
    """What is wrong with a stream of JSON, by the error of its parser. number: the last row that was read."""
    reason = error.args[0].decode("utf-8", "replace") if error.args and isinstance(error.args[0], bytes) else str(error)
    if "UTF8" in reason:
        return f"invalid UTF-8, after row {number}; {REMEDY}"
    overflow = "; write ids of more than 63 bits as strings" if "overflow" in reason else ""
    return f"this is not JSON, after row {number}: {reason.splitlines()[0]}{overflow}"


class Depth:
    """Counts brackets outside strings, block by block."""

    def __init__(self) -> None:
        self._depth, self._is_in_string, self._rest = 0, False, b""

    def after(self, block: bytes) -> int:
        """Return the greatest depth within the next block."""
        text = (self._rest + block).replace(b"\\\\", b"")
        self._rest = b"\\" if text.endswith(b"\\") else b""
        parts = text.replace(b'\\"', b"").translate(None, NO_STRUCTURE).split(b'"')
        outside = b"".join(parts[int(self._is_in_string) :: 2])
        self._is_in_string ^= len(parts) % 2 == 0
        if not outside:
            return self._depth
        brackets = np.frombuffer(outside, np.uint8)
        depths = self._depth + np.cumsum(np.where((brackets == ord("[")) | (brackets == ord("{")), 1, -1))
        self._depth = int(depths[-1])
        return int(depths.max())


def depth_fault(text: bytes) -> str | None:
    """What is wrong with a text of JSON that is whole: it lies too deep. Most texts have few brackets, and are not looked at."""
    if text.count(b"[") + text.count(b"{") <= MAX_DEPTH:
        return None
    return TOO_DEEP if Depth().after(text) > MAX_DEPTH else None

"""Lines of a file: numbered from 1, without a byte order mark; of a line longer than MAX_LINE_BYTES only the start is in memory.

Imports its neighbours only.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from miner.errors import InputError
from miner.io.file_kinds import binary_fault
from miner.io.input_files import InputHashes, existing_path, open_input
from miner.read.rejects import BadRow, Origin, Rejects
from miner.support.utf8 import utf8_fault

MAX_LINE_BYTES = 4 << 20
BOM = b"\xef\xbb\xbf"
SKIP_BYTES = 1 << 16

Row = dict[str, Any]
NumberedRows = Iterator[tuple[int, Row]]


def lines(location: str, rejects: Rejects, inputs: InputHashes) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not blank; reject a line that is too long."""
    for number, line, too_long in numbered_lines(location, inputs):
        if too_long:
            rejects.add(Origin(location), number, too_long, line)
        elif not line.isspace() and line:
            yield number, line


def numbered_lines(location: str, inputs: InputHashes) -> Iterator[tuple[int, bytes, str]]:
    """Yield (number, line, error) for every line; of a line that is too long only the start, with the error."""
    with open_input(location, inputs) as stream:
        number = 0
        while line := stream.readline(MAX_LINE_BYTES + 1):
            number += 1
            if number == 1:
                _check_first(line, location)
            too_long = ""
            if len(line) > MAX_LINE_BYTES:
                too_long = f"the line is longer than {MAX_LINE_BYTES} bytes"
                _skip(stream, line)
                line = line[:SKIP_BYTES]
            yield number, line.removeprefix(BOM) if number == 1 else line, too_long


def raw_lines(location: str) -> Iterator[tuple[int, bytes]]:
    """Yield the raw lines again; none of a pipe, which can be read only once."""
    if existing_path(location).is_file():
        yield from ((number, line) for number, line, _ in numbered_lines(location, {}))


def decode_line(line: bytes) -> str:
    """Decode a line, without its line end."""
    try:
        return line.decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise BadRow(utf8_fault(error)) from None


def _check_first(line: bytes, location: str) -> None:
    """Raise InputError for the bytes of no text file, or line ends of CR alone."""
    if fault := binary_fault(line):
        raise InputError(fault, location)
    if not line.endswith(b"\n") and b"\r" in line.rstrip(b"\r"):
        raise InputError("its lines end in CR alone (carriage returns); save it with LF or CRLF line ends", location)


def _skip(stream: io.BufferedReader, line: bytes) -> None:
    while line and not line.endswith(b"\n"):
        line = stream.readline(SKIP_BYTES)

"""CSV and TSV files: a header, then fields. Owns how a line is split into fields, not their values.

Imports its neighbours only.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from itertools import chain

from miner.errors import InputError
from miner.io.input_files import InputHashes, encoding_note
from miner.read.lines import MAX_LINE_BYTES, NumberedRows, Row, decode_line, lines, numbered_lines
from miner.read.rejects import BadRow, Origin, Rejects
from miner.support.csv_dialect import delimiter_of
from miner.support.name_list import listed
from miner.support.utf8 import utf8_fault

Headerless = Callable[[list[str]], Sequence[str]]
"""Returns the column names of a .tsv without a header from its first line; none where that line is the header."""


def has_header(fields: list[str]) -> Sequence[str]:
    """Return no names: the first line is the header."""
    return ()


def numbered(*names: str) -> Headerless:
    """Return the function for files as MS MARCO's, in which a row begins with an id that is a whole number."""
    return lambda fields: names[: len(fields)] if 1 < len(fields) <= len(names) and fields[0].isdecimal() else ()


def tsv_rows(location: str, rejects: Rejects, inputs: InputHashes, headerless: Headerless = has_header) -> NumberedRows:
    """Yield the rows of a TSV file. Fields are separated by tabs alone: quotes are part of the text.

    headerless: function that returns the column names of a file without a header.
    """
    header: list[str] = []
    for number, line in lines(location, rejects, inputs):
        try:
            fields = decode_line(line).split("\t")
            if header:
                yield number, _with_names(header, fields)
                continue
            header = _columns(headerless, fields, location)
            if header:
                yield number, _with_names(header, fields)
            else:
                header = _header(location, fields)
        except BadRow as error:
            rejects.add(Origin(location), number, str(error) + encoding_note(location), line)


def csv_rows(location: str, rejects: Rejects, inputs: InputHashes) -> NumberedRows:
    """Yield the rows of a CSV file. A quoted field may span lines; the row's number is its first line."""
    csv.field_size_limit(MAX_LINE_BYTES)
    faults: list[str] = []
    skipped_lines, delimiter, text = _read_opening(_csv_lines(location, inputs, faults))
    reader = csv.reader(text, strict=True, delimiter=delimiter)
    header: list[str] = []
    while True:
        number, fields = skipped_lines + reader.line_num + 1, None
        try:
            fields = next(reader)
            if faults:
                raise BadRow(faults[0]) if header else InputError(faults[0], f"{location}:{number}")
            if not header:
                header = _header(location, fields)
            elif fields:
                yield number, _with_names(header, fields)
        except StopIteration:
            return
        except (BadRow, csv.Error) as error:
            faults.clear()
            reason = str(error) if isinstance(error, BadRow) else _csv_fault(error, number, skipped_lines + reader.line_num)
            rejects.add(Origin(location), number, reason + encoding_note(location), fields or "")


def _read_opening(text: Iterator[str]) -> tuple[int, str, Iterator[str]]:
    """Return the number of lines before the header, the delimiter, and the lines from the header on."""
    first = next(text, "")
    delimiter, is_directive = delimiter_of(first)
    return int(is_directive), delimiter, text if is_directive else chain([first] if first else [], text)


def _csv_fault(error: csv.Error, first: int, last: int) -> str:
    if "unexpected end" in str(error):
        return f"a quote opens here and never closes: everything to the end of the file, line {last}, is inside it"
    lines = f", in a row that ends on line {last}" if last > first else ""
    return f"invalid CSV: {error}{lines}"


def _csv_lines(location: str, inputs: InputHashes, faults: list[str]) -> Iterator[str]:
    """Yield every line as text; append its errors to `faults`, for the row that contains the line."""
    for _, line, too_long in numbered_lines(location, inputs):
        if too_long:
            faults.append(too_long)
            yield "\n"
            continue
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            faults.append(utf8_fault(error))
            yield line.decode(errors="replace")


def _columns(headerless: Headerless, fields: list[str], location: str) -> list[str]:
    try:
        return [*headerless(fields)]
    except InputError as error:
        raise InputError(error.with_flags, location) from None


def _header(location: str, fields: list[str]) -> list[str]:
    if fields and fields[0].lstrip().startswith(("{", "[{")):
        raise InputError("the file is JSON, not CSV or TSV: call it .jsonl", location)
    if len(set(fields)) < len(fields):
        raise InputError(f"two columns have the same name: {listed(fields)}", f"{location}:1")
    return fields


def _with_names(header: list[str], fields: list[str]) -> Row:
    if len(fields) != len(header):
        raise BadRow(f"{len(fields)} fields where the header has {len(header)}")
    return dict(zip(header, fields, strict=True))

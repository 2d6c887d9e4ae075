"""CSV and TSV: a header, then fields. Owns how a line becomes fields, not what is in them.

Imports its neighbours only.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import chain

from miner.errors import InputError
from miner.io.input_files import InputHashes
from miner.read.lines import MAX_LINE_BYTES, Numbered, Row, cut_lines, decoded, lines
from miner.read.rejects import BadRow, Origin, Rejects

DELIMITERS = ";\t|"
"""What a .csv is cut at whose header has no comma."""
DIRECTIVE = re.compile(r"sep=(.)\s*", re.IGNORECASE)
"""A first line that Excel writes and reads: what the cells are cut at."""


def tsv_rows(given: str, rejects: Rejects, inputs: InputHashes, bare: Sequence[str] = ()) -> Numbered:
    """Fields are split by tabs and nothing else: quotes are part of the text.

    bare: names of the cells of a file whose first line is no header, as in MS MARCO: its first cell is a whole number.
    """
    header: list[str] = []
    for number, line in lines(given, rejects, inputs):
        try:
            fields = decoded(line).split("\t")
            if header:
                yield number, _named(header, fields)
            elif 1 < len(fields) <= len(bare) and fields[0].isdecimal():
                header = list(bare[: len(fields)])
                yield number, _named(header, fields)
            else:
                header = _header(given, fields)
        except BadRow as wrong:
            rejects.add(Origin(given), number, str(wrong), line)


def csv_rows(given: str, rejects: Rejects, inputs: InputHashes) -> Numbered:
    """As the csv module reads it: a quoted field may span lines; the row's number is its first line."""
    csv.field_size_limit(MAX_LINE_BYTES)
    faults: list[str] = []
    before, delimiter, text = _opening(_csv_lines(given, inputs, faults))
    reader = csv.reader(text, strict=True, delimiter=delimiter)
    header: list[str] = []
    while True:
        number, fields = before + reader.line_num + 1, None
        try:
            fields = next(reader)
            if faults:
                raise BadRow(faults[0]) if header else InputError(faults[0], f"{given}:{number}")
            if not header:
                header = _header(given, fields)
            elif fields:
                yield number, _named(header, fields)
        except StopIteration:
            return
        except (BadRow, csv.Error) as wrong:
            faults.clear()
            reason = str(wrong) if isinstance(wrong, BadRow) else _csv_fault(wrong, number, before + reader.line_num)
            rejects.add(Origin(given), number, reason, fields or "")


def _opening(text: Iterator[str]) -> tuple[int, str, Iterator[str]]:
    """How many lines stand before the header, what the cells are cut at, and the lines from the header on."""
    first = next(text, "")
    if directive := DIRECTIVE.fullmatch(first):
        return 1, directive[1], text
    other = next((sign for sign in DELIMITERS if sign in first), ",")
    return 0, "," if "," in first else other, chain([first] if first else [], text)


def _csv_fault(error: csv.Error, first: int, last: int) -> str:
    if "unexpected end" in str(error):
        return f"a quote opens here and never closes: everything to the end of the file, line {last}, is inside it"
    lines = f", in a row that goes on to line {last}" if last > first else ""
    return f"invalid CSV: {error}{lines}"


def _csv_lines(given: str, inputs: InputHashes, faults: list[str]) -> Iterator[str]:
    """Every line as text; what is wrong with one is left in `faults`, for the row that it belongs to."""
    for _, line, too_long in cut_lines(given, inputs):
        if too_long:
            faults.append(too_long)
            yield "\n"
            continue
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            faults.append(f"invalid UTF-8 at byte {error.start + 1}")
            yield line.decode(errors="replace")


def _header(given: str, fields: list[str]) -> list[str]:
    if len(set(fields)) < len(fields):
        raise InputError(f"two columns have the same name: {', '.join(fields)}", f"{given}:1")
    return fields


def _named(header: list[str], fields: list[str]) -> Row:
    if len(fields) != len(header):
        raise BadRow(f"{len(fields)} fields where the header has {len(header)}")
    return dict(zip(header, fields, strict=True))

"""CSV and TSV: a header, then fields. Owns how a line becomes fields, not what is in them.

Imports its neighbours only.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator

from miner.errors import InputError
from miner.read.lines import MAX_LINE_BYTES, Numbered, Row, cut_lines, decoded, lines
from miner.read.rejects import BadRow, Inputs, Origin, Rejects


def tsv_rows(given: str, rejects: Rejects, inputs: Inputs) -> Numbered:
    """Fields are split by tabs and nothing else: quotes are part of the text."""
    header: list[str] = []
    for number, line in lines(given, rejects, inputs):
        try:
            fields = decoded(line).split("\t")
            if header:
                yield number, _named(header, fields)
            else:
                header = _header(given, fields)
        except BadRow as wrong:
            rejects.add(Origin(given), number, str(wrong), line)


def csv_rows(given: str, rejects: Rejects, inputs: Inputs) -> Numbered:
    """As the csv module reads it: a quoted field may span lines; the row's number is its first line."""
    csv.field_size_limit(MAX_LINE_BYTES)
    faults: list[str] = []
    reader = csv.reader(_csv_lines(given, inputs, faults), strict=True)
    header: list[str] = []
    while True:
        number, fields = reader.line_num + 1, None
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
            rejects.add(
                Origin(given), number, str(wrong) if isinstance(wrong, BadRow) else _csv_fault(wrong, number, reader.line_num), fields or ""
            )


def _csv_fault(error: csv.Error, first: int, last: int) -> str:
    if "unexpected end" in str(error):
        return f"a quote opens here and never closes: everything to the end of the file, line {last}, is inside it"
    lines = f", in a row that goes on to line {last}" if last > first else ""
    return f"invalid CSV: {error}{lines}"


def _csv_lines(given: str, inputs: Inputs, faults: list[str]) -> Iterator[str]:
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

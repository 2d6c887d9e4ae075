"""Reader of a JSON file that is one list of rows, with one row in memory at a time. Imports its neighbours only."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import ijson

from miner.errors import InputError
from miner.io.input_files import InputHashes, open_input, read_start
from miner.read.json_shapes import RECORDS
from miner.read.lines import BOM, NumberedRows
from miner.read.rejects import Origin, Rejects
from miner.support.json_depth import ShallowJson, TooDeepError, stream_fault
from miner.support.value_types import type_name


class DuplicateKeyDict(dict[str, Any]):
    """A JSON object that records duplicate keys. It does not raise, since the parser in C would ignore the exception."""

    def __init__(self, duplicate_keys: list[str]) -> None:
        super().__init__()
        self._duplicate_keys = duplicate_keys

    def __setitem__(self, key: str, value: Any) -> None:
        if key in self:
            self._duplicate_keys.append(key)
        super().__setitem__(key, value)


def is_list(location: str, suffix: str) -> bool:
    """Return whether the file is a JSON list; a file of JSON lines only where objects are in it."""
    start = read_start(location).removeprefix(BOM).lstrip()
    return start[:1] == b"[" and (suffix == ".json" or start[1:].lstrip()[:1] == b"{")


def list_rows(location: str, rejects: Rejects, inputs: InputHashes) -> NumberedRows:
    """Yield the rows of the list; reject a row that is no object. Raises InputError where the file is no JSON."""
    origin = Origin(location, "{}: row {}")
    duplicate_keys: list[str] = []
    for number, row in _items(location, inputs, duplicate_keys):
        if number == 1 and isinstance(row, list):
            raise InputError(f"the file is a list of lists (orient='values' of pandas), which has no column names; {RECORDS}", location)
        if not isinstance(row, dict):
            rejects.add(origin, number, f"{type_name(row)} where a JSON object is expected", row)
        elif duplicate_keys:
            rejects.add(origin, number, f"the key '{duplicate_keys[0]}' is there twice", row)
        else:
            yield number, dict(row)
        duplicate_keys.clear()


def items(location: str) -> Iterator[tuple[int, object]]:
    """Yield the raw rows again."""
    return _items(location, {}, [])


def _items(location: str, inputs: InputHashes, duplicate_keys: list[str]) -> Iterator[tuple[int, Any]]:
    number = 0
    with open_input(location, inputs) as stream:
        if stream.peek(len(BOM))[: len(BOM)] == BOM:
            stream.read(len(BOM))
        try:
            shallow, row_type = ShallowJson(stream), partial(DuplicateKeyDict, duplicate_keys)
            for number, row in enumerate(ijson.items(shallow, "item", use_float=True, map_type=row_type), 1):
                yield number, row
        except TooDeepError as error:
            raise InputError(f"{error}, after row {number}", location) from None
        except ijson.JSONError as error:
            raise InputError(stream_fault(error, number), location) from None

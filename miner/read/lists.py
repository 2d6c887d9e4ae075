"""A .json file that is one list of rows, however it is laid out: one row in memory at a time. Imports its neighbours only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ijson

from miner.errors import InputError
from miner.io.input_files import InputHashes, opened, start
from miner.read.cells import kind
from miner.read.lines import BOM, Numbered
from miner.read.rejects import Origin, Rejects


class Noted(dict[str, Any]):
    """An object that notes the keys that come twice. It cannot raise: the reader in C would go on."""

    def __init__(self, twice: list[str]) -> None:
        super().__init__()
        self._twice = twice

    def __setitem__(self, key: str, value: Any) -> None:
        if key in self:
            self._twice.append(key)
        super().__setitem__(key, value)


def is_list(given: str) -> bool:
    """Whether the file begins as a JSON list."""
    return start(given).removeprefix(BOM).lstrip()[:1] == b"["


def list_rows(given: str, rejects: Rejects, inputs: InputHashes) -> Numbered:
    """The rows of the list; one that is no object goes to `rejects`. InputError where the file is no JSON: what follows is not readable."""
    origin = Origin(given, "{}: row {}")
    twice: list[str] = []
    for number, row in _items(given, inputs, twice):
        if not isinstance(row, dict):
            rejects.add(origin, number, f"{kind(row)} where a JSON object is expected", row)
        elif twice:
            rejects.add(origin, number, f"the key '{twice[0]}' is there twice", row)
        else:
            yield number, dict(row)
        twice.clear()


def items(given: str) -> Iterator[tuple[int, object]]:
    """Every row once more, as it stands."""
    return _items(given, {}, [])


def _items(given: str, inputs: InputHashes, twice: list[str]) -> Iterator[tuple[int, Any]]:
    number = 0
    with opened(given, inputs) as stream:
        if stream.peek(len(BOM))[: len(BOM)] == BOM:
            stream.read(len(BOM))
        try:
            for number, row in enumerate(ijson.items(stream, "item", use_float=True, map_type=lambda: Noted(twice)), 1):
                yield number, row
        except ijson.JSONError as error:
            raise InputError(f"this is not JSON, after row {number}: {str(error).splitlines()[0]}", given) from None

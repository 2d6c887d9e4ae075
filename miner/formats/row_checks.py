"""A row of a training file with its place, and the checks of its values: every fault is one sentence with file and line.

Owns what a text, an id, a score may be in any training file, ours or another's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from miner.errors import InputError
from miner.formats.row_format import Repair, TrainingRow

Fault = Callable[[InputError], None]
"""What is done with a row that cannot be used: raise, or note it and go on."""

LABELS = ("label", "labels")
"""Columns in which true and false are 1 and 0."""

WORDS = {str: "a string", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object", type(None): "null"}


def stop(fault: InputError) -> None:
    """The default Fault: the first wrong row ends the reading."""
    raise fault


@dataclass(frozen=True)
class Row:
    """One row as it was parsed, and where it stands: `file.jsonl:3`, `file.parquet: row 3`.

    repairs: where a wrong value that can mean one thing only is noted, and read as that; None: it is refused.
    """

    values: Mapping[str, Any]
    where: str
    repairs: list[Repair] | None = None

    def __contains__(self, name: str) -> bool:
        return self.values.get(name) is not None

    def fail(self, message: str) -> NoReturn:
        """InputError at this row."""
        raise InputError(message, self.where)

    def within(self, values: Mapping[str, Any]) -> Row:
        """An object inside the row, at its place."""
        return Row(values, self.where, self.repairs)

    def repair(self, rule: str, message: str) -> bool:
        """Note that a value is read as it is meant; False where it is to be refused."""
        if self.repairs is None:
            return False
        self.repairs.append(Repair(rule, self.where, message))
        return True

    def value(self, name: str) -> Any:
        """What stands in a column that must be there."""
        if name not in self:
            self.fail(f"there is no '{name}'; the row has: {', '.join(map(str, self.values)) or 'nothing'}")
        return self.values[name]

    def text(self, name: str) -> str:
        """A string."""
        return self._string(self.value(name), f"'{name}'")

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings; a string in its place would silently become its single characters."""
        return tuple(self._string(text, f"'{name}'[{place}]") for place, text in enumerate(self.items(name, "strings")))

    def items(self, name: str, of: str) -> Sequence[Any]:
        """A list, of anything."""
        found = self.value(name)
        if not isinstance(found, list | tuple):
            message = f"'{name}' is {kind(found)}; a list of {of} is needed"
            if not isinstance(found, dict if of == "objects" else str) or not self.repair("string_for_list", message):
                self.fail(message)
            return [found]
        return found

    def id(self, name: str) -> str | None:
        """An id as a string, or None where there is none."""
        return self.as_id(self.values[name], f"'{name}'") if name in self else None

    def ids(self, *names: str) -> tuple[str, ...]:
        """The ids of some columns, single or lists, one after the other; none unless all are there."""
        if not all(name in self for name in names):
            return ()
        found = ((name, self.values[name]) for name in names)
        each = ((name, item) for name, value in found for item in (value if isinstance(value, list | tuple) else (value,)))
        return tuple(self.as_id(item, f"'{name}'") for name, item in each)

    def numbers(self, *names: str) -> tuple[float | None, ...]:
        """The scores of some columns, single or lists, one after the other; none unless all are there. NaN and infinity are refused."""
        there = [name for name in names if name in self]
        if len(there) < len(names):
            if there:
                self.repair("part_scores", f"there is '{there[0]}' without '{next(name for name in names if name not in self)}'")
            return ()
        values = ((name, self.values[name]) for name in names)
        each = ((name, item) for name, value in values for item in (value if isinstance(value, list | tuple) else (value,)))
        return tuple(self._number(item, name) for name, item in each)

    def _number(self, item: Any, name: str) -> float | None:
        message = f"'{name}' holds {kind(item)}; numbers are needed"
        if isinstance(item, bool) and name in LABELS:
            return int(item)
        if isinstance(item, str) and (number := _parsed(item)) is not None and self.repair("string_for_number", message):
            item = number
        if item is not None and (isinstance(item, bool) or not isinstance(item, int | float)):
            self.fail(message)
        if item is not None and not math.isfinite(item):
            self.fail(f"'{name}' holds {item}; a finite number is needed")
        return item

    def number(self, name: str) -> float:
        """One number that must be there."""
        found = self.numbers(name)
        if len(found) != 1 or found[0] is None or isinstance(self.values[name], list | tuple):
            self.fail(f"'{name}' is {kind(self.values[name])}; a number is needed")
        return found[0]

    def counts(self, *names: str) -> tuple[int, ...]:
        """The same, of whole numbers: ranks, tiers, labels."""
        found = self.numbers(*names)
        for number in found:
            if number is None or number != int(number):
                self.fail(f"{' or '.join(map(repr, names))} holds {number}; whole numbers are needed")
        return tuple(int(number) for number in found if number is not None)

    def as_id(self, value: Any, name: str) -> str:
        """A string; a whole number is written out."""
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str):
            self.fail(f"{name} is {kind(value)}; an id is a string or a whole number")
        return value

    def training(self, query: str, passages: Iterable[str], labels: Iterable[int | None], **more: Any) -> TrainingRow:
        """The row as a TrainingRow; every list must be as long as the passages, or empty."""
        row = TrainingRow(query, tuple(passages), tuple(labels), where=self.where, columns=tuple(self.values), **more)
        for name in ("labels", "ids", "scores", "ranks", "tiers"):
            count = len(getattr(row, name))
            if count != len(row.passages) and (count or name == "labels"):
                self.fail(f"{count} {name} for {len(row.passages)} passages")
        return replace(row, repairs=tuple(self.repairs)) if self.repairs else row

    def _string(self, value: Any, name: str) -> str:
        if not isinstance(value, str):
            self.fail(f"{name} is {kind(value)}; a string is needed")
        return value


def _parsed(text: str) -> float | None:
    try:
        return int(text) if text.strip().lstrip("+-").isdecimal() else float(text)
    except ValueError:
        return None


def kind(value: Any) -> str:
    """What a person calls the type of a value."""
    return WORDS.get(type(value), f"of type {type(value).__name__}")

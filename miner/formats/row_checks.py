"""A row of a training file with its location, and the checks of its values: every error is one sentence with file and line.

Owns the types that a text, an id and a score may have in any training file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from miner.errors import InputError
from miner.formats.row_format import Repair, TrainingRow
from miner.support.list_text import list_in_text
from miner.support.name_list import listed
from miner.support.value_types import type_name

OnFault = Callable[[InputError], None]
"""Called with the error of an invalid row: it raises, or records the error and the row is skipped."""

LABELS = ("label", "labels")
"""Columns in which true and false are 1 and 0."""


def raise_fault(fault: InputError) -> None:
    """The default OnFault: raise at the first invalid row."""
    raise fault


@dataclass(frozen=True)
class ParsedRow:
    """One parsed row.

    where: its location, `file.jsonl:3` or `file.parquet: row 3`.
    repairs: list to which repairs are appended: a wrong value with one possible meaning is read as that. None: it is an error.
    """

    values: Mapping[str, Any]
    where: str
    repairs: list[Repair] | None = None

    def __contains__(self, name: str) -> bool:
        return self.values.get(name) is not None

    def fail(self, message: str) -> NoReturn:
        """Raise InputError with the location of this row."""
        raise InputError(message, self.where)

    def within(self, values: Mapping[str, Any]) -> ParsedRow:
        """Return an object inside the row as a row, with the same location."""
        return ParsedRow(values, self.where, self.repairs)

    def repair(self, rule: str, message: str) -> bool:
        """Record a repair; return False where repairs are off and the value is an error."""
        if self.repairs is None:
            return False
        self.repairs.append(Repair(rule, self.where, message))
        return True

    def value(self, name: str) -> Any:
        """Return the value of a required column."""
        if name not in self:
            self.fail(f"there is no '{name}'; the row has: {listed(self.values) or 'nothing'}")
        return self.values[name]

    def text(self, name: str) -> str:
        """Return a required string."""
        return self._string(self.value(name), f"'{name}'")

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of strings; a single string is an error, since it would be read as its characters."""
        return tuple(self._string(text, f"'{name}'[{place}]") for place, text in enumerate(self.items(name, "strings")))

    def items(self, name: str, of: str) -> Sequence[Any]:
        """Return a required list. of: what it holds, for the message."""
        value = self.value(name)
        if not isinstance(value, list | tuple):
            listed = list_in_text(value) if isinstance(value, str) and of == "strings" else None
            message = f"'{name}' is {'a list written as text' if listed else type_name(value)}; a list of {of} is needed"
            if not isinstance(value, dict if of == "objects" else str) or not self.repair("string_for_list", message):
                self.fail(message)
            return listed or [value]
        return value

    def id(self, name: str) -> str | None:
        """Return an id as a string, or None where there is none."""
        return self.as_id(self.values[name], f"'{name}'") if name in self else None

    def ids(self, *names: str) -> tuple[str, ...]:
        """Return the ids of several columns, single values or lists, concatenated; empty unless all columns are present."""
        if not all(name in self for name in names):
            return ()
        items = ((name, item) for name in names for item in self._listed(name))
        return tuple(self.as_id(item, f"'{name}'") for name, item in items)

    def numbers(self, *names: str) -> tuple[float | None, ...]:
        """Return the scores of several columns, concatenated; empty unless all columns are present. NaN and infinity are errors."""
        present = [name for name in names if name in self]
        if len(present) < len(names):
            if present:
                self.repair("part_scores", f"there is '{present[0]}' without '{next(name for name in names if name not in self)}'")
            return ()
        items = ((name, item) for name in names for item in self._listed(name))
        return tuple(self._number(item, name) for name, item in items)

    def _listed(self, name: str) -> Sequence[Any]:
        """Return the values of a column that holds one or a list of them; of a list written as text, its items."""
        value = self.values[name]
        if isinstance(value, list | tuple):
            return value
        listed = list_in_text(value) if isinstance(value, str) else None
        repaired = listed is not None and self.repair("string_for_list", f"'{name}' is a list written as text; a list is needed")
        return listed if listed is not None and repaired else (value,)

    def _number(self, item: Any, name: str) -> float | None:
        message = f"'{name}' holds {type_name(item)}; numbers are needed"
        if isinstance(item, bool) and name in LABELS:
            return int(item)
        if isinstance(item, str) and (number := _parse_number(item)) is not None and self.repair("string_for_number", message):
            item = number
        if item is not None and (isinstance(item, bool) or not isinstance(item, int | float)):
            self.fail(message)
        if item is not None and not math.isfinite(item):
            self.fail(f"'{name}' holds {item}; a finite number is needed")
        return item

    def number(self, name: str) -> float:
        """Return one required number."""
        numbers = self.numbers(name)
        if len(numbers) != 1 or numbers[0] is None or isinstance(self.values[name], list | tuple):
            self.fail(f"'{name}' is {type_name(self.values[name])}; a number is needed")
        return numbers[0]

    def counts(self, *names: str) -> tuple[int, ...]:
        """Return whole numbers as `numbers` does: ranks, tiers, labels."""
        numbers = self.numbers(*names)
        for number in numbers:
            if number is None or number != int(number):
                self.fail(f"{' or '.join(map(repr, names))} holds {number}; whole numbers are needed")
        return tuple(int(number) for number in numbers if number is not None)

    def as_id(self, value: Any, name: str) -> str:
        """Return an id as a string; a whole number is converted."""
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str):
            self.fail(f"{name} is {type_name(value)}; an id is a string or a whole number")
        return value

    def training(self, query: str, passages: Iterable[str], labels: Iterable[int | None], **more: Any) -> TrainingRow:
        """Return the row as a TrainingRow; every list must be as long as the passages, or empty."""
        row = TrainingRow(query, tuple(passages), tuple(labels), where=self.where, columns=tuple(self.values), **more)
        for name in ("labels", "ids", "scores", "ranks", "tiers"):
            count = len(getattr(row, name))
            if count != len(row.passages) and (count or name == "labels"):
                self.fail(f"{count} {name} for {len(row.passages)} passages")
        return replace(row, repairs=tuple(self.repairs)) if self.repairs else row

    def _string(self, value: Any, name: str) -> str:
        if not isinstance(value, str):
            self.fail(f"{name} is {type_name(value)}; a string is needed")
        return value


def _parse_number(text: str) -> float | None:
    try:
        return int(text) if text.strip().lstrip("+-").isdecimal() else float(text)
    except ValueError:
        return None

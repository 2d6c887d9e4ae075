"""Which column of a file is which of ours: named by the user (`fields`), or found by its usual names.

Decided on the first row; an optional column that is not there yet, on the first row that has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from miner.errors import InputError
from miner.read.cells import as_json
from miner.read.column_names import LISTS, NO_COLUMN, PAIRS, Fields, Slot, Slots, columns_left_out, field_flag, spelling
from miner.read.rejects import Origin
from miner.support.name_list import header_hint, listed
from miner.types import OTHER

MIN_NAME_SIMILARITY = 0.8
"""How much alike two names are from which on one may be a slip of the other, as difflib measures it."""


class Columns:
    """The columns of one file, by our names."""

    def __init__(self, origin: Origin, slots: Slots, fields: Fields) -> None:
        self.bound: dict[str, str] = {}
        """The column of each of ours that has one; of several, the first."""
        self.names = {slot: slot for slot in slots}
        """What the file calls each of ours; our own word where it has none."""
        self._taken: dict[str, str] = {}
        self._all: dict[str, None] = {}
        self._origin, self._slots, self._fields = origin, slots, fields
        slot_fields = {slot.field for slot in slots.values()}
        self._left_out = columns_left_out(fields) if slots is PAIRS else frozenset[str]()
        self._named = {column: field for field, column in fields.items() if field in slot_fields and column != NO_COLUMN}
        self._is_first_row = True
        self._last: Any = None
        self._seen: set[frozenset[str]] = set()
        """The columns of the rows that were looked at: others like them have nothing new."""

    def __call__(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Our values of a row; what is not in it is not in the answer."""
        if self._last != row.keys():
            self._last = frozenset(row)
            if self._last not in self._seen:
                self._seen.add(self._last)
                self._bind(row)
        return {name: row[column] for name, column in self.bound.items() if column in row}

    def values(self, slot: str, row: Mapping[str, Any]) -> list[tuple[str, Any]]:
        """Every column of a slot that may have several, with its value; those without one are left out."""
        return [(name, row[name]) for name, role in self._taken.items() if role == slot and row.get(name) not in (None, "")]

    def further(self, row: Mapping[str, Any]) -> str | None:
        """The columns that are none of ours, as JSON."""
        if row.keys() <= self._taken.keys():
            return None
        return as_json(self.others(row))

    def others(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The values of those columns."""
        return {name: value for name, value in row.items() if name not in self._taken}

    def name(self, slot: str) -> str:
        """What the file calls it."""
        return self.names[slot]

    def roles(self) -> dict[str, str]:
        """What each column was read as."""
        return {name: self._taken.get(name, OTHER) for name in self._all}

    def promises_list(self, slot: str) -> bool:
        """Whether its column was found by a name that promises a list; a column that the user named may hold what it likes."""
        return spelling(self.bound.get(slot, "")) in LISTS and self._slots[slot].field not in self._fields

    def unknown(self, slot: str, row: Mapping[str, Any]) -> InputError:
        """What to say when no column fits."""
        field, purpose = self._slots[slot].field or slot, self._slots[slot].purpose
        hint = (_cut(row) or header_hint(self._origin.name, row)).removeprefix("; ")
        flag = hint or f"name the right one: {field_flag(field, self._near(slot, row) or 'COLUMN')}"
        return InputError(
            f"{self._origin.name} has no column for '{field}'{purpose and f', and {purpose}'}; its columns are {_listed(row)}; {flag}"
        )

    def _bind(self, row: Mapping[str, Any]) -> None:
        self._all |= dict.fromkeys(row)
        if self._is_first_row:
            self._respell(row)
        for slot, spec in self._slots.items():
            if slot in self.bound and (not spec.several or spec.field in self._fields):
                self._check_rivals(slot, row)
                continue
            columns = self._find(slot, row)
            if columns:
                self.bound.setdefault(slot, columns[0])
                self.names[slot] = self.bound[slot]
                self._taken |= dict.fromkeys(columns, slot)
            elif spec.required and self._is_first_row:
                raise self.unknown(slot, row)
        self._is_first_row = False

    def _respell(self, row: Mapping[str, Any]) -> None:
        """Take a column that the user named in another case for the one that is there, where there is one only."""
        for field, column in self._fields.items():
            alike = [name for name in row if name.casefold() == column.casefold()]
            if column not in row and len(alike) == 1:
                self._fields = {**self._fields, field: alike[0]}
                if column in self._named:
                    self._named[alike[0]] = self._named.pop(column)

    def _find(self, slot: str, row: Mapping[str, Any]) -> list[str]:
        spec = self._slots[slot]
        column = self._fields.get(spec.field)
        if column == NO_COLUMN and not spec.required:
            return []
        if column is not None:
            if column not in row:
                hint = _suggestion(column, row) + (_cut(row) or header_hint(self._origin.name, row))
                raise InputError(f"{self._origin.name} has no column '{column}' (for {spec.field}); its columns are {_listed(row)}{hint}")
            return [column]
        columns = spec.columns_in(row, self._reserved(spec, ""), self._fields.get(spec.fallback_field))
        if len(columns) > 1 and not spec.several:
            raise self._ambiguous(slot, columns)
        return columns

    def _check_rivals(self, slot: str, row: Mapping[str, Any]) -> None:
        """InputError where a later row has a column that would have been chosen, or could have been, in place of the bound one."""
        spec, column = self._slots[slot], self.bound[slot]
        if spec.field in self._fields or spec.pick or column not in row:
            return
        columns = spec.columns_in(row, self._reserved(spec, column), self._fields.get(spec.fallback_field))
        if columns != [column]:
            raise self._ambiguous(slot, list(dict.fromkeys([column, *columns])))

    def _reserved(self, spec: Slot, column: str) -> set[str]:
        """Columns that are something else already, or that the user named for something else."""
        return self._taken.keys() - {column} | self._left_out | {name for name, field in self._named.items() if field != spec.field}

    def _near(self, slot: str, row: Mapping[str, Any]) -> str:
        """A column whose name is nearly a usual one, such as a misspelt one; none where there is none."""
        free = [name for name in row if name not in self._reserved(self._slots[slot], "")]
        return next((name for tier in self._slots[slot].usual for usual in tier if (name := _nearest(usual, free))), "")

    def _ambiguous(self, slot: str, columns: list[str]) -> InputError:
        """What to say where more than one column could be it."""
        field = self._slots[slot].field or slot
        flags = " or ".join(field_flag(field, name) for name in columns)
        names = " and ".join(f"'{name}'" for name in columns)
        return InputError(f"{self._origin.name}: {names} could each be the {field.replace('_', ' ')}; say which it is: {flags}")


def _nearest(name: str, columns: Sequence[str]) -> str:
    """The column whose name is most like `name`; none where none is like it."""
    spellings = {spelling(column): column for column in columns}
    return next((spellings[near] for near in get_close_matches(spelling(name), spellings, 1, MIN_NAME_SIMILARITY)), "")


def _suggestion(name: str, row: Mapping[str, Any]) -> str:
    """A hint where a column has nearly the name."""
    near = _nearest(name, [*row])
    return f"; is '{near}' meant?" if near else ""


def _cut(row: Mapping[str, Any]) -> str:
    """A hint where a header was not cut into columns."""
    name = str(next(iter(row), "")) if len(row) == 1 else ""
    cut = next((sign for sign in (";", "\t", "|", ",") if sign in name), None)
    return f"; this one column holds {cut!r}: a .csv is cut at commas, a .tsv at tabs" if cut else ""


def _listed(row: Mapping[str, Any]) -> str:
    return listed(row) or "(none)"

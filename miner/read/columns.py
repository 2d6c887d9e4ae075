"""Which column of a file is which of ours: named by the user (`fields`), or found by its usual names, the first of the list first.

Decided on the first row; an optional column that is not there yet, on the first row that has it. Imports its neighbours only.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from miner.errors import ConfigError, InputError
from miner.read.cells import as_json
from miner.read.rejects import Origin

Fields = Mapping[str, str]

PASSAGE_IDS = ("passage_id", "passage-id", "doc_id", "docid", "pid", "document_id", "corpus_id", "corpus-id", "did", "docno")
QUERY_IDS = ("query_id", "query-id", "qid", "question_id", "anchor_id")
QUERIES_TEXT = ("query", "question", "anchor", "search_query", "query_text", "sentence1")
NEGATIVES = re.compile(r"(hard_)?neg(ative)?s?(_[0-9]+|_passages)?")
GRADES = ("score", "grade", "relevance", "rel", "label")
PASSAGES_TEXT = ("passage", "document", "content", "contents", "body", "passage_text", "doc")


@dataclass(frozen=True)
class Slot:
    """One value we look for. own: the field that names its column, which must then exist; else: a field that may name it.

    unless: in a row with a column of such a name, the usual names mean something else (scores of a positive and its negatives).
    """

    own: str
    usual: tuple[str, ...]
    required: bool = False
    other: str = ""
    unless: re.Pattern[str] | None = None


Slots = Mapping[str, Slot]

CORPUS: Slots = {
    "id": Slot("id", ("_id", "id", *PASSAGE_IDS), required=True),
    "title": Slot("title", ("title", "doc_title")),
    "text": Slot("text", ("text", *PASSAGES_TEXT), required=True),
    "group": Slot("group", ("group", "group_id", "parent", "parent_id", "doc_group")),
}
QUERIES: Slots = {
    "id": Slot("", ("_id", "id", *QUERY_IDS), required=True, other="id"),
    "text": Slot("query", ("text", *QUERIES_TEXT), required=True, other="text"),
}
QRELS: Slots = {
    "query_id": Slot("query_id", ("query-id", *QUERY_IDS, "query"), required=True),
    "passage_id": Slot("positive_id", ("corpus-id", *PASSAGE_IDS, "passage", "document"), required=True),
    "grade": Slot("grade", GRADES, required=True),
}
PAIRS: Slots = {
    "query": Slot("query", QUERIES_TEXT, required=True),
    "query_id": Slot("query_id", QUERY_IDS),
    "positive": Slot(
        "positive",
        ("positive", "positives", "pos", "positive_passages", "answer", "answers", "passage", "document", "sentence2", "response"),
    ),
    "positive_id": Slot("positive_id", ("positive_id", "positive_ids", "pos_id", "pos_ids", *PASSAGE_IDS, "passage_ids")),
    "grade": Slot("grade", ("label", "labels", "grade", "grades", "relevance", "rel", "score", "scores"), unless=NEGATIVES),
}
LISTS = {"positives", "pos", "positive_passages", "positive_ids", "pos_ids", "passage_ids"}
"""Usual names that promise a list."""

NO_COLUMN = "-"
"""Given in place of a column's name: there is none, whatever the file's columns are called."""


class Columns:
    """The columns of one file, by our names."""

    def __init__(self, origin: Origin, slots: Slots, fields: Fields) -> None:
        self.bound: dict[str, str] = {}
        self.names = {slot: slot for slot in slots}
        """What the file calls each of ours; our own word where it has none."""
        self._taken: set[str] = set()
        self._origin, self._slots, self._fields = origin, slots, fields
        self._missing = list(slots)
        self._first = True
        self._seen: Collection[str] = ()
        """The columns of the last row that was looked at: others like it have nothing new."""

    def __call__(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Our values of a row; what is not in it is not in the answer."""
        if self._missing and self._seen != row.keys():
            self._bind(row)
            self._seen = set(row)
        return {name: row[column] for name, column in self.bound.items() if column in row}

    def further(self, row: Mapping[str, Any]) -> str | None:
        """The columns that are none of ours, as JSON."""
        if row.keys() <= self._taken:
            return None
        return as_json({name: value for name, value in row.items() if name not in self._taken})

    def name(self, slot: str) -> str:
        """What the file calls it."""
        return self.names[slot]

    def promises_list(self, slot: str) -> bool:
        """Whether its column was found by a name that promises a list; a column that the user named may hold what it likes."""
        return self.bound.get(slot) in LISTS and self._slots[slot].own not in self._fields

    def unknown(self, slot: str, row: Mapping[str, Any]) -> InputError:
        """What to say when no column fits."""
        field = self._slots[slot].own or slot
        return InputError(
            f"{self._origin.name} has no column for '{field}'; its columns are {_listed(row)}; "
            + (_cut(row).removeprefix("; ") or f"name the right one: --field {field}=COLUMN")
        )

    def _bind(self, row: Mapping[str, Any]) -> None:
        for slot in list(self._missing):
            column = self._find(slot, row)
            if column is not None:
                self.bound[slot] = self.names[slot] = column
                self._taken.add(column)
                self._missing.remove(slot)
            elif self._slots[slot].required and self._first:
                raise self.unknown(slot, row)
        self._first = False

    def _find(self, slot: str, row: Mapping[str, Any]) -> str | None:
        wanted = self._slots[slot]
        given = self._fields.get(wanted.own)
        if given == NO_COLUMN and not wanted.required:
            return None
        if given is not None:
            if given not in row:
                raise InputError(
                    f"{self._origin.name} has no column '{given}' (for {wanted.own}); its columns are {_listed(row)}{_cut(row)}"
                )
            return given
        other = self._fields.get(wanted.other)
        names = (other, *wanted.usual) if other else wanted.usual
        if wanted.unless and any(wanted.unless.fullmatch(str(name)) for name in row):
            return None
        return next((name for name in names if name in row and name not in self._taken), None)


def check_fields(fields: Fields, *kinds: Slots) -> None:
    """Every field must be one that is used."""
    known = sorted({name for slots in kinds for slot in slots.values() for name in (slot.own, slot.other) if name})
    for name in fields:
        if name not in known:
            raise ConfigError(f"there is no field '{name}' here; there are: {', '.join(known)}")


def _cut(row: Mapping[str, Any]) -> str:
    """A hint where a header was not cut into columns."""
    name = str(next(iter(row), "")) if len(row) == 1 else ""
    cut = next((sign for sign in (";", "\t", "|", ",") if sign in name), None)
    return f"; this one column holds {cut!r}: a .csv is cut at commas, a .tsv at tabs" if cut else ""


def _listed(row: Mapping[str, Any]) -> str:
    return ", ".join(map(str, row)) or "(none)"

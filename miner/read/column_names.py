"""The usual names of the columns of each kind of file, and the fields by which a user names them.

Usual names are compared without regard to case, to blanks around them, and to what joins their words. They come in tiers: a name of an
earlier tier says what it holds (`positive`) and wins; two of one tier (`answer` and `context`) are refused, never chosen between.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from miner.errors import ConfigError
from miner.read.layouts import FIRST, SELECTED, SELECTED_TEXT, TOP_RANK
from miner.support.unknown_names import unknown_name

Fields = Mapping[str, str]
Roles = Mapping[str, Mapping[str, str]]
"""{file: {column: what it was read as}}."""

PASSAGE_IDS = ("passage_id", "passage-id", "doc_id", "docid", "pid", "document_id", "corpus_id", "corpus-id", "did", "docno")
QUERY_IDS = ("query_id", "query-id", "qid", "question_id", "anchor_id")
QUERIES_TEXT = ("query", "question", "anchor", "search_query", "query_text", "sentence1")
NEGATIVES = re.compile(r"(hard_)?neg(ative)?s?(_?[0-9]+|_(passages|ctxs|messages))?")
GRADES = ("score", "grade", "relevance", "rel", "label")
PASSAGES_TEXT = ("passage", "document", "content", "contents", "body", "passage_text", "doc")
POSITIVES = ("positive", "positives", "pos", "positive_passages", "positive_ctxs", "positive_messages", SELECTED_TEXT)
ANSWERS = ("answer", "answers", "response", "responses", "sentence2")
CONTEXTS = (
    *("passages", "documents", "context", "contexts", "text", "ctx", "ctxs", "paragraph", "paragraphs", "long_answer", "long_answers"),
    *("evidence", "evidences", "support", "supports", "supporting_facts", "gold", "golds", "gold_passage", "gold_passages", "gold_context"),
    *("gold_document", "gold_text", "snippet", "snippets", "excerpt", "excerpts", "chunk", "chunks", "article", "source_text"),
)
LABELS = ("labels", "label", "grades", "grade", "relevance", "rel")
"""Names of grades that are taken for them where they are lists beside a list of passages."""


JOINTS = re.compile(r"[\s-]+|(?<=[a-z0-9])(?=[A-Z])")
NUMBER = re.compile(r"_?[0-9]+$")


@dataclass(frozen=True)
class Slot:
    """One value we look for. field: the one that names its column, which must then exist; fallback_field: one that may name it.

    usual: tiers of names. numbered: a number may follow them. pick: instead of them, the names in a row. several: all that are picked,
    not one. purpose: what a required one is for, where that is not plain.
    """

    field: str
    usual: tuple[tuple[str, ...], ...] = ()
    required: bool = False
    fallback_field: str = ""
    pick: Callable[[Mapping[str, Any]], list[str]] | None = None
    several: bool = False
    numbered: bool = False
    purpose: str = ""

    def columns_in(self, row: Mapping[str, Any], reserved: Collection[str], named: str | None) -> list[str]:
        """The columns of a row that could be it: those of the first tier that has any."""
        if named and named in row:
            return [named]
        if self.pick:
            return [name for name in self.pick(row) if name not in reserved]
        free = [name for name in row if name not in reserved]
        tiers = ([*dict.fromkeys(column for name in tier for column in self._called(name, free))] for tier in self.usual)
        return next((tier for tier in tiers if tier), [])

    def _called(self, usual: str, columns: Sequence[str]) -> list[str]:
        """The columns with a usual name: spelled so, else in another spelling; those with a number behind it too."""
        exact = [usual] if usual in columns else [name for name in columns if spelling(name) == spelling(usual)]
        return exact + ([name for name in columns if NUMBER.sub("", spelling(name)) == usual != spelling(name)] if self.numbered else [])


def spelling(name: str) -> str:
    """`Long Answer`, `long-answer` and `longAnswer` as `long_answer`."""
    return JOINTS.sub("_", str(name).strip()).casefold()


def negatives_of(row: Mapping[str, Any]) -> list[str]:
    """Columns of negatives, in the order of their numbers."""
    names = [str(name) for name in row if NEGATIVES.fullmatch(spelling(name))]
    return sorted(names, key=lambda name: int(re.sub(r"\D", "", name) or 0))


def labels_of(row: Mapping[str, Any]) -> list[str]:
    """The column of judgements, only where the layout says that it is one: a trainer's format, or a list beside a list of passages."""
    if negatives_of(row):
        return []
    if columns := [name for name in (SELECTED, FIRST, TOP_RANK) if name in row]:
        return columns
    if any(isinstance(row.get(name), list) for name in (*POSITIVES, *ANSWERS, *CONTEXTS, *PASSAGES_TEXT)):
        return [name for name in LABELS if isinstance(row.get(name, ""), list | None)]
    return ["label"] if {"anchor", "positive", "label"} <= row.keys() else []


Slots = Mapping[str, Slot]

CORPUS: Slots = {
    "id": Slot("id", (("_id",), ("id",), PASSAGE_IDS), required=True, purpose="judgements name passages by their ids"),
    "title": Slot("title", (("title",), ("doc_title",))),
    "text": Slot("text", (("text",), PASSAGES_TEXT), required=True),
    "group": Slot("group", (("group",), ("group_id",), ("parent",), ("parent_id",), ("doc_group",))),
}
PASSAGES: Slots = {**CORPUS, "id": replace(CORPUS["id"], required=False)}
"""A corpus whose passages nothing need name by id: where no column is one, an id follows from the text."""
QUERIES: Slots = {
    "id": Slot("", (("_id",), ("id",), QUERY_IDS), required=True, fallback_field="id", purpose="judgements name queries by their ids"),
    "text": Slot("query", (("text", *QUERIES_TEXT),), required=True, fallback_field="text"),
}
QRELS: Slots = {
    "query_id": Slot("query_id", (QUERY_IDS, ("query",)), required=True),
    "passage_id": Slot("positive_id", (("corpus-id",), PASSAGE_IDS, ("passage", "document")), required=True),
    "grade": Slot("grade", (GRADES,), required=True),
}
PAIRS: Slots = {
    "query": Slot("query", ((*QUERIES_TEXT, "messages"),), required=True),
    "query_id": Slot("query_id", (QUERY_IDS,)),
    "positive": Slot("positive", (POSITIVES, (*ANSWERS, *CONTEXTS, *PASSAGES_TEXT)), numbered=True),
    "positive_id": Slot(
        "positive_id",
        (("positive_id", "positive_ids", "pos_id", "pos_ids", "positive_document_ids"), (*PASSAGE_IDS, "passage_ids")),
    ),
    "negative": Slot("negative", pick=negatives_of, several=True),
    "negative_id": Slot("negative_id", (("negative_id", "negative_ids", "neg_id", "neg_ids", "negative_document_ids"),)),
    "grade": Slot("grade", pick=labels_of),
}
LISTS = {"positives", "pos", "positive_passages", "positive_ctxs", "positive_ids", "pos_ids", "passage_ids"}
"""Usual names that promise a list."""

NO_COLUMN = "-"
"""Given in place of a column's name: there is none, whatever the file's columns are called. Of a column of pairs: it is nothing of ours."""
SLOT_FIELDS = frozenset(
    name for slots in (CORPUS, QUERIES, QRELS, PAIRS) for slot in slots.values() for name in (slot.field, slot.fallback_field) if name
)


def field_flag(field: str, column: str) -> str:
    """The flag that names a column, as a shell takes it."""
    return f"--field {shlex.quote(f'{field}={column}')}"


def is_usual(name: str) -> bool:
    """Return whether a column of pairs may have this name: a usual one of any of ours, in any spelling."""
    usual = {spelling(word) for slot in PAIRS.values() for tier in slot.usual for word in tier}
    return NUMBER.sub("", spelling(name)) in {*usual, *GRADES, *LABELS} or bool(NEGATIVES.fullmatch(spelling(name)))


def columns_left_out(fields: Fields) -> frozenset[str]:
    """Columns of pairs that the user calls nothing of ours: `context=-`."""
    return frozenset(name for name, column in fields.items() if column == NO_COLUMN and name not in SLOT_FIELDS)


def check_fields(fields: Fields, *kinds: Slots) -> None:
    """Every field must be one that is used."""
    names = sorted({name for slots in kinds for slot in slots.values() for name in (slot.field, slot.fallback_field) if name})
    for name in fields:
        if name not in names:
            raise ConfigError(unknown_name("field", name, names))

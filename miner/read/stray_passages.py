"""Columns of pairs that nothing is read from and that hold passages of the corpus: unread positives, which would become hard negatives.

A sample of the first rows is looked for in the corpus; a column with a few such texts is refused. Imports its neighbours only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from miner.errors import InputError
from miner.read.column_names import ANSWERS, NO_COLUMN, SLOT_FIELDS, Fields, columns_left_out, field_flag, spelling
from miner.read.pairs import Pair
from miner.read.rejects import Origin
from miner.read.text_writer import StoredTexts
from miner.types import Texts, join_title

SAMPLE = 256
"""Rows of a file that are looked at."""
MIN_HITS = 3
"""So many texts that are passages are no coincidence; of fewer than five texts, half of them."""


@dataclass(frozen=True)
class Stray:
    """A text of a column that nothing is read from, and the ids of what its row calls a passage."""

    column: str
    text: str
    ids: frozenset[str]


class StrayPassages:
    """The sample of one file."""

    def __init__(self, origin: Origin, fields: Fields) -> None:
        self._origin, self._left_out = origin, columns_left_out(fields)
        self._strays: list[Stray] = []
        self._rows = 0

    @property
    def needs_rows(self) -> bool:
        """Whether the sample takes another row."""
        return self._rows < SAMPLE

    def note(self, columns: Mapping[str, Any], pair: Pair) -> None:
        """A row: the texts of its other columns that are none of its passages."""
        self._rows += 1
        ids = frozenset(passage.id for passage in pair.passages if passage.id)
        passage_texts = {text.strip() for passage in pair.passages for text in (passage.joined, passage.text or "")}
        for column, value in columns.items():
            if column not in self._left_out and spelling(column) not in ANSWERS:  # short answers beside a column that says positive
                self._strays += [Stray(column, text, ids) for text in _texts(value) if text and text not in passage_texts]

    def check(self, corpus: StoredTexts) -> None:
        """InputError for a column whose texts are passages of the corpus."""
        ids_by_text = _ids_of({stray.text for stray in self._strays}, corpus.texts) if self._strays else {}
        for column in dict.fromkeys(stray.column for stray in self._strays):
            texts = {stray.text: stray.ids for stray in self._strays if stray.column == column}
            hits = [text for text, ids in texts.items() if ids_by_text.get(text) and ids.isdisjoint(ids_by_text[text])]
            if len(hits) >= min(MIN_HITS, (len(texts) + 1) // 2):
                raise InputError(self._message(column, len(hits), len(texts), corpus.origin.name))

    def _message(self, column: str, hits: int, count: int, corpus: str) -> str:
        nothing = "" if column in SLOT_FIELDS else f", {field_flag(column, NO_COLUMN)} if it is neither"
        return (
            f"{self._origin.name}: '{column}' is read as nothing, and {hits} of its first {count} texts are passages of {corpus}, "
            f"which could become negatives: {field_flag('positive', column)} if it holds the positives, "
            f"{field_flag('negative', column)} if negatives{nothing}"
        )


def _texts(value: Any) -> Iterator[str]:
    """The texts of a cell: a string, an object with a text, a list of such."""
    if isinstance(value, str):
        yield value.strip()
    elif isinstance(value, Mapping):
        yield from (text.strip() for text in (value.get("text"), value.get("contents")) if isinstance(text, str))
    elif isinstance(value, Sequence):
        yield from (text for one in value if not isinstance(one, list) for text in _texts(one))


def _ids_of(texts: set[str], corpus: Texts) -> dict[str, set[str]]:
    """The ids of the passages with these texts, alone or behind their titles."""
    text_array = pa.array(sorted(texts), pa.string())
    ids_by_text: dict[str, set[str]] = {}
    for batch in corpus.batches():
        titles, bodies = batch.column("title"), pc.utf8_trim_whitespace(batch.column("text"))
        joined = bodies if titles.null_count == len(titles) else pa.array(map(join_title, titles.to_pylist(), bodies.to_pylist()))
        for column in (bodies, joined) if joined is not bodies else (bodies,):
            is_passage = pc.is_in(column, value_set=text_array)
            for text, name in zip(column.filter(is_passage).to_pylist(), batch.column("id").filter(is_passage).to_pylist(), strict=True):
                ids_by_text.setdefault(text, set()).add(name)
    return ids_by_text

"""Pairs become a Dataset: texts are looked up in the corpus, or added to it.

Every occurrence is written to disk; equal ids are merged afterwards by sorting their keys, so only keys are in memory.
Imports types, errors and its neighbours only.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from miner.errors import InputError
from miner.read.assemble import CORPUS, PART_SUFFIX, assemble
from miner.read.cells import short_hash, text_id
from miner.read.column_names import field_flag
from miner.read.file_rows import RowStream
from miner.read.ids import Lookup, chunks, firsts, joined_text_keys
from miner.read.judgements import Missing, add_lost
from miner.read.rejects import Rejects
from miner.read.text_writer import StoredTexts, TextsWriter, rewrite
from miner.types import Bools, Dataset, Ints, Texts, join_title

CHUNK_PAIRS = 4096
"""Pairs in one lookup."""


@dataclass(frozen=True)
class Positive:
    """One positive of a pair: an id, a text, or both."""

    id: str | None
    title: str | None
    text: str | None

    @property
    def joined(self) -> str:
        """Title and text, joined."""
        return join_title(self.title, self.text or "")


@dataclass(frozen=True)
class Pair:
    """One row: a query and its passages.

    number: of its line.
    id: of the query, or None.
    positives: its positives, or passages judged with `grades`.
    extra: the user's columns, as JSON.
    raw: the raw row, for an error.
    negatives: passages judged non-relevant.
    """

    number: int
    id: str | None
    query: str
    positives: Sequence[Positive]
    extra: str | None
    raw: object
    grades: Sequence[int] | None = None
    negatives: Sequence[Positive] = ()

    @property
    def passages(self) -> list[Positive]:
        """All passages, the positives first."""
        return [*self.positives, *self.negatives]


@dataclass
class Occurrences:
    """The judgements in the order of the rows: query and passage occurrence, row number. Passages below 0 are new: -1 is the first."""

    queries: array[int] = field(default_factory=lambda: array("q"))
    passages: array[int] = field(default_factory=lambda: array("q"))
    numbers: array[int] = field(default_factory=lambda: array("q"))
    grades: array[int] = field(default_factory=lambda: array("b"))
    extras: list[str | None] = field(default_factory=list)


class Collector:
    """Collects pairs and builds a Dataset."""

    def __init__(
        self, into: Path, corpus: StoredTexts | None, rows: RowStream, rejects: Rejects, min_grade: int = 1, *, complete: bool = False
    ) -> None:
        """Open the temporary files.

        into: folder of the Dataset.
        corpus: the corpus, or None.
        rows: the rows of the pairs.
        min_grade: smallest grade that is relevant, and the grade of a pair without one.
        complete: as for `read`.
        """
        self._min_grade = min_grade
        self._lost: list[tuple[int, int, str, int]] | None = [] if complete else None
        self._into, self._corpus, self._source_rows, self._origin, self._rejects = into, corpus, rows, rows.origin, rejects
        self._queries, self._new_passages = TextsWriter(into / f"queries.{PART_SUFFIX}"), TextsWriter(into / f"new.{PART_SUFFIX}")
        self._by_id = corpus.by_id() if corpus else None
        self._by_text = Lookup(joined_text_keys(corpus.texts), corpus.texts.texts) if corpus else None
        self._pending: list[Pair] = []
        self._occurrences = Occurrences()
        self._rejected: set[int] = set()

    def add(self, pair: Pair) -> None:
        """Add one pair."""
        self._pending.append(pair)
        if len(self._pending) == CHUNK_PAIRS:
            self._resolve()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if error is None:
                self._resolve()
        finally:
            self._queries.__exit__(kind, error, trace)
            self._new_passages.__exit__(kind, error, trace)

    def dataset(self) -> Dataset:
        """Build the Dataset. To be called after the `with` block."""
        if not self._occurrences.queries:
            raise InputError(f"{self._origin.name} holds no rows" + (" that can be used" if self._rejects.count else ""))
        first_query, first_new = self._merge(self._queries, "query"), self._merge(self._new_passages, "passage")
        is_kept = ~np.isin(np.array(self._occurrences.numbers), list(self._rejected))
        queries = first_query[np.array(self._occurrences.queries)[is_kept]]
        passages = np.array(self._occurrences.passages)[is_kept]
        is_new = passages < 0
        passages[is_new] = first_new[-passages[is_new] - 1]
        used_new = _mask(len(self._new_passages), passages[is_new])
        corpus_size = len(self._corpus.texts) if self._corpus else 0
        passages[is_new] = corpus_size + (np.cumsum(used_new) - 1)[passages[is_new]]
        parts: list[tuple[Path, Bools | None]] = [(self._corpus.texts.path, None)] if self._corpus else []
        rewrite([*parts, (self._new_passages.path, used_new)] if used_new.any() else parts, self._into / CORPUS)
        extras = [extra for extra, is_kept_row in zip(self._occurrences.extras, is_kept, strict=True) if is_kept_row]
        lost = [(int(first_query[query]), name, grade) for number, query, name, grade in self._lost or () if number not in self._rejected]
        return self._assemble((queries, passages, np.array(self._occurrences.grades, dtype=np.int8)[is_kept]), extras, lost)

    def _assemble(
        self, judged: tuple[Ints, Ints, NDArray[np.int8]], extras: list[str | None], missing: list[tuple[int, str, int]]
    ) -> Dataset:
        """Drop repeated queries, so that a query is one row however often it occurs, and assemble the Dataset."""
        queries, passages, grades = judged
        is_used = _mask(len(self._queries), np.concatenate([queries, np.array([query for query, *_ in missing], dtype=np.int64)]))
        rewrite([(self._queries.path, is_used)], self._queries.path)
        row_of_query, lost = np.cumsum(is_used) - 1, Missing()
        for query, name, grade in missing:
            add_lost(lost, int(row_of_query[query]), name, grade)
        rows, lost_judgements = row_of_query[queries], None if self._lost is None else lost
        return assemble(self._into, self._queries.path, (rows, passages, grades), self._min_grade, extras, lost=lost_judgements)

    def _resolve(self) -> None:
        """Look up the pending passages: by id, else by text, else they are new."""
        passages = [passage for pair in self._pending for passage in pair.passages]
        rows = iter(self._lookup_rows(passages))
        for pair in self._pending:
            passage_rows = [next(rows) for _ in pair.passages]
            reasons = list(map(self._fault, pair.passages, passage_rows))
            reason = next(filter(None, reasons), None)
            if reason:
                self._rejects.add(self._origin, pair.number, reason, pair.raw)
            if not reason:
                self._store(pair, passage_rows)
            elif self._lost is not None:
                self._store_present(pair, passage_rows, reasons, self._lost)
        self._pending.clear()

    def _store_present(self, pair: Pair, passage_rows: list[int], reasons: list[str | None], lost: list[tuple[int, int, str, int]]) -> None:
        """Store the judgements of a row whose passages are present; the others are lost."""
        count, grades = len(pair.positives), pair.grades or [self._min_grade] * len(pair.positives)
        present = [position for position, reason in enumerate(reasons) if not reason]
        positives, negatives = (
            [position for position in present if position < count],
            [pair.passages[position] for position in present if position >= count],
        )
        part = replace(
            pair,
            positives=[pair.positives[position] for position in positives],
            grades=[grades[position] for position in positives],
            negatives=negatives,
        )
        self._store(part, [passage_rows[position] for position in present])
        query = len(self._queries) - 1
        lost += [
            (pair.number, query, _id(positive), grade)
            for positive, grade, reason in zip(pair.positives, grades, reasons[:count], strict=True)
            if reason
        ]

    def _lookup_rows(self, passages: list[Positive]) -> list[int]:
        if self._by_id is None or self._by_text is None:
            return [-1] * len(passages)
        by_id = self._by_id.rows([_id(positive) for positive in passages])
        by_text = self._by_text.rows([positive.joined for positive in passages])
        has_ids = self._corpus is None or self._corpus.has_ids
        has_id = np.array([has_ids and positive.id is not None for positive in passages], dtype=bool)
        rows: list[int] = np.where(has_id | (by_text < 0), by_id, by_text).tolist()
        return rows

    def _fault(self, positive: Positive, row: int) -> str | None:
        if positive.text is None:
            if self._corpus is None:
                return f"passage '{positive.id}' has an id but no text, and there is no corpus to find it in"
            return _unknown_id(positive.id, self._corpus) if row < 0 else None
        if row >= 0 and self._corpus and self._corpus.texts.texts([row])[0] != positive.joined:
            return f"passage id '{_id(positive)}' has another text in {self._corpus.origin.name}"
        return None

    def _store(self, pair: Pair, passage_rows: list[int]) -> None:
        self._queries.add((pair.id or f"q-{short_hash(pair.query)}", None, pair.query, None, None), pair.number)
        grades = [*(pair.grades or [self._min_grade] * len(pair.positives)), *[min(0, self._min_grade - 1)] * len(pair.negatives)]
        for position, (positive, row, grade) in enumerate(zip(pair.passages, passage_rows, grades, strict=True)):
            if row < 0:
                self._new_passages.add((_id(positive), positive.title, positive.text or "", None, None), pair.number)
            self._occurrences.queries.append(len(self._queries) - 1)
            self._occurrences.passages.append(row if row >= 0 else -len(self._new_passages))
            self._occurrences.numbers.append(pair.number)
            self._occurrences.grades.append(grade)
            self._occurrences.extras.append(pair.extra if position < len(pair.positives) else None)

    def _merge(self, writer: TextsWriter, side: str) -> Ints:
        """Return shape (N,): the first occurrence of each id; reject rows that give an id another text."""
        if not len(writer):
            return np.empty(0, np.int64)
        texts, numbers = Texts(writer.path), writer.numbers
        first = firsts(texts, writer.keys)
        rejected_rows: dict[int, int] = {}
        for rows in chunks(np.flatnonzero(first != np.arange(len(first)))):
            for row, text, first_text in zip(rows.tolist(), texts.texts(rows), texts.texts(first[rows]), strict=True):
                if text != first_text and int(numbers[row]) not in self._rejected:
                    rejected_rows.setdefault(int(numbers[row]), row)
        self._rejected |= rejected_rows.keys()
        self._reject(side, rejected_rows, texts, numbers[first])
        return first

    def _reject(self, side: str, rejected_rows: dict[int, int], texts: Texts, first_numbers: Ints) -> None:
        """Reject rows whose id has another text.

        rejected_rows: rows of `texts` by their numbers in the file.
        first_numbers: for each row of `texts` the number of the first row with its id.
        """
        rows = list(rejected_rows.values())

        def reason(i: int) -> str:
            return f"{side} id '{texts.ids([rows[i]])[0]}' has another text at {self._origin.where(int(first_numbers[rows[i]]))}"

        self._rejects.add_read(self._origin, list(rejected_rows), reason, self._source_rows.reread)


def _id(positive: Positive) -> str:
    return positive.id or text_id(positive.joined)


def _unknown_id(name: str | None, corpus: StoredTexts) -> str:
    if corpus.has_ids:
        return f"unknown passage id '{name}': it is not in {corpus.origin.name}"
    return f"unknown passage id '{name}': {corpus.origin.name} has no column of ids; name one: {field_flag('id', 'COLUMN')}"


def _mask(count: int, rows: Ints) -> Bools:
    mask = np.zeros(count, dtype=bool)
    mask[rows] = True
    return mask

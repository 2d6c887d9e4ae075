"""What the rules must know of the whole file: each query's positives, which columns there are, what most rows have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import xxhash

from miner.formats import TrainingRow, read_training
from miner.formats.pair import POSITIVE, QUERY
from miner.formats.training_file import files_with_byte_order_mark, format_of_name
from miner.lint.rules import Finding
from miner.support.normalize import normalise

LABELS = ("label", "labels", "score", "scores")
"""sentence-transformers takes the first of these that is there for the label, and every other column for a text."""
ASIDE = "dataset_name"


class Survey:
    """One reading of a file. positives_by_query: of every query key, the keys of its positives and where each stands first."""

    def __init__(self, path: str | Path, format: str) -> None:  # noqa: A002 - the word
        self.shape = format_of_name(format)
        self.positives_by_query: dict[int, dict[int, str]] = {}
        self.with_ids = False
        self.rows = self._scored = self._number_ids = self._string_ids = 0
        self._widths: Counter[int] = Counter()
        columns: dict[str, None] = {}
        self._marked = list(files_with_byte_order_mark(path, format))
        self._first_place = ""
        for row in read_training(path, format, on_fault=lambda _: None, repair=True):
            self._first_place = self._first_place or row.where
            self.rows += 1
            self._add(row)
            columns |= dict.fromkeys(row.columns)
        self._columns = list(columns)

    def _add(self, row: TrainingRow) -> None:
        positives = self.positives_by_query.setdefault(key(row.query), {})
        for text in row.positives:
            positives.setdefault(key(text), row.where)
        self.with_ids |= row.query_id is not None
        self._scored += is_scored(row)
        self._number_ids += _has_number_id(row)
        self._string_ids += row.query_id is not None and not _has_number_id(row)
        self._widths[row.labels.count(0)] += 1

    @property
    def mostly_scored(self) -> bool:
        """Whether at least half of the rows have scores."""
        return 2 * self._scored >= self.rows

    @property
    def partly_scored(self) -> str:
        """How many rows have scores, in words, where neither all nor none do; else nothing."""
        return f"{self._scored:,} of {self.rows:,} rows have scores" if 0 < self._scored < self.rows else ""

    def repairs(self, row: TrainingRow) -> Iterator[Finding]:
        """What reading the row had to repair. Ids that are numbers in every row are no fault."""
        alike = not (self._number_ids and self._string_ids)
        for repair in row.repairs:
            if repair.rule != "mixed_ids" or not alike:
                yield Finding(*repair, rewritten=repair.rule != "no_label")

    @property
    def width(self) -> int | None:
        """The number of negatives most rows have, of equally many the larger, where a trainer wants it the same in every row."""
        return max(self._widths, key=lambda width: (self._widths[width], width), default=None) if self.shape.full else None

    def findings(self) -> Iterator[Finding]:
        """What is wrong with the file as a whole."""
        for file in self._marked:
            yield Finding("byte_order_mark", f"{file}:1", "the file begins with a byte order mark", rewritten=True)
        if self.shape.by_position and self._columns:
            yield from self._positions()
        surplus = [name for name in self._columns if name not in self.shape.only] if self.shape.only else []
        if surplus:
            yield self._extra(surplus)

    def _positions(self) -> Iterator[Finding]:
        label = next((name for name in LABELS if name in self._columns), None)
        inputs = [name for name in self._columns if name not in (label, ASIDE)]
        query, positive = (next((name for name in usual if name in inputs), None) for usual in (QUERY, POSITIVE))
        negatives = [name for name in inputs if name == "negative" or name.startswith("negative_")]
        trainer_order = [
            query or inputs[0],
            positive or next((name for name in inputs if name != (query or inputs[0])), ""),
            *_numbered(negatives),
        ]
        texts = [name for name in inputs if name in trainer_order]
        if texts != [name for name in trainer_order if name in texts]:
            message = f"the columns are {', '.join(texts)}; a trainer takes them for query, positive and negatives in that order"
            yield Finding("column_order", self._first_place, message, rewritten=True)
        if surplus := [name for name in inputs if name not in trainer_order]:
            yield self._extra(surplus)

    def _extra(self, names: list[str]) -> Finding:
        return Finding("extra_column", self._first_place, f"a trainer takes {', '.join(names)} for further texts", rewritten=True)


def _numbered(names: list[str]) -> list[str]:
    """`negative`, and `negative_1` … by number."""
    numbers = {name: int(name.removeprefix("negative_")) for name in names if name.removeprefix("negative_").isdecimal()}
    return [*(["negative"] if "negative" in names else []), *sorted(numbers, key=lambda name: numbers[name])]


def _has_number_id(row: TrainingRow) -> bool:
    return any(repair.rule == "mixed_ids" for repair in row.repairs)


def is_scored(row: TrainingRow) -> bool:
    """Whether any passage of the row has a score."""
    return any(score is not None for score in row.scores)


def key(text: str) -> int:
    """A 64-bit hash of the normalised text."""
    return xxhash.xxh3_64_intdigest(normalise(text).encode("utf-8", "surrogatepass"))

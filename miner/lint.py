"""Faults in any training file we can read, whoever wrote it: what teaches a model the opposite of what is meant, or leaks its test.

Two readings: the first remembers every query's positives, the second judges each row. Texts are compared normalised (case, white space,
width and sentence marks aside), as 64-bit keys.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import xxhash

from miner.errors import ConfigError, InputError
from miner.formats import TrainingRow, read_training, recognise
from miner.plain import normalise
from miner.read import read_beir
from miner.read.files import must_exist
from miner.read.qrels import query_ids

RULES = {
    "unusable": "a row that no trainer reads as it is meant",
    "empty": "a query or a passage without text",
    "no_positive": "a row without a positive",
    "positive_is_query": "a positive that is the query itself",
    "negative_is_query": "a negative that is the query itself",
    "negative_is_positive": "a negative that is a positive of the same query, in this row or another",
    "duplicate_negative": "the same negative twice in a row",
    "repeated_row": "the same row again",
    "score_order": "a negative that scores no lower than a positive of its row",
    "leak": "a query of the test set",
}
SHOWN = 100
"""Findings of each rule that are kept; all are counted."""


CHUNK = 8192


class Finding(NamedTuple):
    """One fault. passages: which of the row's passages are wrong; empty: the row as a whole."""

    rule: str
    where: str
    message: str
    passages: tuple[int, ...] = ()


@dataclass
class Linted:
    """What was found in one file: rows read, findings by rule (all counted, the first hundred of each kept)."""

    path: str
    format: str
    rows: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def add(self, found: Finding) -> None:
        """Count one, keep it if it is one of the first."""
        self.counts[found.rule] = self.counts.get(found.rule, 0) + 1
        if self.counts[found.rule] <= SHOWN:
            self.findings.append(found)


def lint(path: str | Path, *, format: str | None = None, against: str | Path | None = None, ignore: Collection[str] = ()) -> Linted:  # noqa: A002 - the word
    """Read a training file, a format's folder or a run folder, and say what is wrong with it.

    format: default: recognised. against: a BEIR folder, whose test queries must not be in the file, or a qrels file, by query id.
    ignore: rules that are not looked at. ConfigError for an unknown rule or format, InputError where no format is recognised.
    """
    linted = Linted(str(path), format or recognise(path))
    for found, row in examine(path, linted.format, against, ignore):
        linted.rows += row is not None
        for each in found:
            linted.add(each)
    return linted


def examine(
    path: str | Path,
    format: str,  # noqa: A002 - the word
    against: str | Path | None = None,
    ignore: Collection[str] = (),
) -> Iterator[tuple[list[Finding], TrainingRow | None]]:
    """Each row with what is wrong with it; None in place of a row that could not be used."""
    for name in ignore:
        if name not in RULES:
            raise ConfigError(f"there is no rule '{name}'; there are: {', '.join(RULES)}")
    check = Checks(path, format, against)
    unusable: list[Finding] = []
    rows = read_training(path, format, on_fault=lambda fault: unusable.append(_unusable(fault)))
    for row in rows:
        yield from (([fault], None) for fault in unusable if "unusable" not in ignore)
        unusable.clear()
        yield [found for found in check(row) if found.rule not in ignore], row
    yield from (([fault], None) for fault in unusable if "unusable" not in ignore)


class Checks:
    """All rules, and what they must know of the whole file."""

    def __init__(self, path: str | Path, format: str, against: str | Path | None) -> None:  # noqa: A002 - the word
        self._known: dict[int, dict[int, str]] = {}
        self._seen: set[int] = set()
        with_ids = False
        for row in read_training(path, format, on_fault=lambda _: None):
            positives = self._known.setdefault(_key(row.query), {})
            for text in row.positives:
                positives.setdefault(_key(text), row.where)
            with_ids |= row.query_id is not None
        self._leaks = _leaks(against, with_ids)

    def __call__(self, row: TrainingRow) -> Iterator[Finding]:
        """What is wrong with a row."""
        keys = [_key(text) for text in row.passages]
        yield from self._texts(row)
        if row.labels and 1 not in row.labels and None not in row.labels:
            yield Finding("no_positive", row.where, "there is no positive")
        yield from self._identities(row, keys)
        yield from _repeated(row, keys)
        yield from _order(row)
        whole = hash((_key(row.query), tuple(keys), row.labels))
        if whole in self._seen:
            yield Finding("repeated_row", row.where, "the same query, passages and labels stood in an earlier row")
        self._seen.add(whole)
        if self._leaks(row):
            yield Finding("leak", row.where, f"query {_short(row.query)} is in the test set")

    def _texts(self, row: TrainingRow) -> Iterator[Finding]:
        if not row.query.strip():
            yield Finding("empty", row.where, "the query is empty")
        bare = tuple(place for place, text in enumerate(row.passages) if not text.strip())
        if bare:
            yield Finding("empty", row.where, f"{_places(bare, row)} without text", bare)

    def _identities(self, row: TrainingRow, keys: Sequence[int]) -> Iterator[Finding]:
        query, known = _key(row.query), self._known.get(_key(row.query), {})
        for place, (key, label) in enumerate(zip(keys, row.labels, strict=True)):
            if not row.passages[place].strip():
                continue
            if key == query and label is not None:
                kind = "positive" if label == 1 else "negative"
                yield Finding(f"{kind}_is_query", row.where, f"{_places((place,), row)} is the query itself", (place,))
            elif label == 0 and key in known:
                where = "of its own row" if known[key] == row.where else f"of the same query at {known[key]}"
                said = f"{_places((place,), row)}, {_short(row.passages[place])}, is a positive {where}"
                yield Finding("negative_is_positive", row.where, said, (place,))


def _repeated(row: TrainingRow, keys: Sequence[int]) -> Iterator[Finding]:
    first: dict[int, int] = {}
    for place, (key, label) in enumerate(zip(keys, row.labels, strict=True)):
        if label == 0 and first.setdefault(key, place) != place:
            yield Finding("duplicate_negative", row.where, f"{_places((place,), row)} repeats {_places((first[key],), row)}", (place,))


def _order(row: TrainingRow) -> Iterator[Finding]:
    known = [score for score, label in zip(row.scores, row.labels, strict=False) if label == 1 and score is not None]
    for place, (score, label) in enumerate(zip(row.scores, row.labels, strict=False)):
        if known and label == 0 and score is not None and score >= min(known):
            said = f"{_places((place,), row)} scores {score:.4g}, its positive {min(known):.4g}"
            yield Finding("score_order", row.where, said, (place,))


def _leaks(against: str | Path | None, with_ids: bool) -> Callable[[TrainingRow], bool]:
    """Whether a row's query is in the test set: by text where there are texts, by id where there are only judgements."""
    if against is None:
        return lambda row: False
    must_exist(str(against), "test set")
    if Path(against).is_dir():
        test = read_beir(against, split=("test",))
        starts = range(0, len(test.queries), CHUNK)
        texts = {_key(text) for start in starts for text in test.queries.texts(range(start, min(start + CHUNK, len(test.queries))))}
        return lambda row: _key(row.query) in texts
    if not with_ids:
        raise ConfigError(f"{against} knows queries by id, and the training file has no query ids; give a BEIR folder with their texts")
    ids = query_ids(str(against))
    return lambda row: row.query_id in ids


def _unusable(fault: InputError) -> Finding:
    text = str(fault)
    return Finding("unusable", fault.where or "", text.removeprefix(f"{fault.where}: "))


def _places(places: tuple[int, ...], row: TrainingRow) -> str:
    """`negative 2`: the kind and its number among its kind, from 1."""
    told = []
    for place in places:
        label = row.labels[place]
        name = {1: "positive", 0: "negative", None: "passage"}[label]
        told.append(f"{name} {sum(other == label for other in row.labels[: place + 1])}")
    return ", ".join(told)


def _key(text: str) -> int:
    return xxhash.xxh3_64_intdigest(normalise(text).encode("utf-8", "surrogatepass"))


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return f"'{flat if len(flat) <= 60 else flat[:59] + '…'}'"

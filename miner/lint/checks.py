"""What is wrong with each row. Texts are compared normalised (case, white space, width and sentence marks aside), as 64-bit keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from miner.errors import ConfigError
from miner.formats import TrainingRow
from miner.io.file_kinds import kind_read
from miner.io.input_files import existing_path
from miner.io.standard_input import STANDARD_INPUT, standard_input
from miner.lint.rules import Finding
from miner.lint.whole_file import Survey, is_scored, key
from miner.read import read_beir
from miner.read.judgements import query_ids
from miner.support.list_text import is_list_of_texts

CHUNK = 8192
TABLES = (".csv", ".tsv")
"""Kinds of files whose cells hold no lists."""


class Checks:
    """All rules, and what they must know of the whole file."""

    def __init__(self, path: str | Path, format: str, against: str | Path | None) -> None:  # noqa: A002 - the word
        self.survey = Survey(path, format)
        self._seen: set[int] = set()
        self._leaks = _leaks(against, self.survey.with_ids)
        self._is_table = kind_read(standard_input() if str(path) == STANDARD_INPUT else path) in TABLES

    def __call__(self, row: TrainingRow) -> Iterator[Finding]:
        """What is wrong with a row."""
        keys = [key(text) for text in row.passages]
        yield from self.survey.repairs(row)
        yield from self._texts(row)
        yield from self._sides(row)
        yield from self._identities(row, keys)
        yield from _repeated(row, keys)
        yield from self._scores(row)
        yield from _order(row)
        query_key = row.query_id if self.survey.shape.unit == "judgement" else key(row.query)
        row_key = hash((query_key, tuple(keys), row.labels))
        if row_key in self._seen:
            yield Finding("repeated_row", row.where, "the same query, passages and labels stood in an earlier row")
        self._seen.add(row_key)
        if self._leaks(row):
            yield Finding("leak", row.where, f"query {_short(row.query)} is in the test set")

    def _texts(self, row: TrainingRow) -> Iterator[Finding]:
        if not row.query.strip():
            yield Finding("empty", row.where, "the query is empty")
        bare = tuple(place for place, text in enumerate(row.passages) if not text.strip())
        if bare:
            yield Finding("empty", row.where, f"{_places(bare, row)} without text", bare)
        for place in [place for place, text in enumerate(row.passages) if self._is_table and is_list_of_texts(text)]:
            message = f"{_places((place,), row)}, {_short(row.passages[place])}, is a list written as text"
            yield Finding("list_in_text", row.where, message, (place,))

    def _sides(self, row: TrainingRow) -> Iterator[Finding]:
        """Whether there are positives and negatives, and as many as there must be."""
        if None in row.labels:
            return
        elsewhere = self.survey.shape.unit == "passage" and self.survey.positives_by_query.get(key(row.query))
        if 1 not in row.labels and not elsewhere:
            yield Finding("no_positive", row.where, "there is no positive")
        width, count = self.survey.width, row.labels.count(0)
        if not count and self.survey.shape.unit not in ("passage", "judgement"):
            yield Finding("no_negative", row.where, "there is no negative")
        elif width is not None and count != width:
            surplus = tuple(place for place, label in enumerate(row.labels) if label == 0)[width:] if width else ()
            yield Finding("uneven", row.where, f"{count} negatives, where most rows have {width}", surplus)

    def _scores(self, row: TrainingRow) -> Iterator[Finding]:
        """Whether the row has scores as most rows do, and of every passage."""
        survey, scored = self.survey, is_scored(row)
        if survey.partly_scored and scored != survey.mostly_scored:
            message = f"there are {'scores' if scored else 'no scores'} here; {survey.partly_scored}"
            yield Finding("part_scores", row.where, message, rewritten=scored)
        elif scored and (bare := tuple(place for place, score in enumerate(row.scores) if score is None)):
            yield Finding("part_scores", row.where, f"{_places(bare, row)} without a score", bare)

    def _identities(self, row: TrainingRow, keys: Sequence[int]) -> Iterator[Finding]:
        query = key(row.query)
        positives = self.survey.positives_by_query.get(query, {})
        for place, (passage_key, label) in enumerate(zip(keys, row.labels, strict=True)):
            if not row.passages[place].strip():
                continue
            if passage_key == query and label is not None:
                kind = "positive" if label == 1 else "negative"
                yield Finding(f"{kind}_is_query", row.where, f"{_places((place,), row)} is the query itself", (place,))
            elif label == 0 and passage_key in positives:
                where = "of its own row" if positives[passage_key] == row.where else f"of the same query at {positives[passage_key]}"
                message = f"{_places((place,), row)}, {_short(row.passages[place])}, is a positive {where}"
                yield Finding("negative_is_positive", row.where, message, (place,))


def _repeated(row: TrainingRow, keys: Sequence[int]) -> Iterator[Finding]:
    places: dict[int, int] = {}
    for place, (passage_key, label) in enumerate(zip(keys, row.labels, strict=True)):
        if label == 0 and places.setdefault(passage_key, place) != place:
            yield Finding(
                "duplicate_negative", row.where, f"{_places((place,), row)} repeats {_places((places[passage_key],), row)}", (place,)
            )


def _order(row: TrainingRow) -> Iterator[Finding]:
    positive_scores = [score for score, label in zip(row.scores, row.labels, strict=False) if label == 1 and score is not None]
    for place, (score, label) in enumerate(zip(row.scores, row.labels, strict=False)):
        if positive_scores and label == 0 and score is not None and score >= min(positive_scores):
            message = f"{_places((place,), row)} scores {score:.4g}, its positive {min(positive_scores):.4g}"
            yield Finding("score_order", row.where, message, (place,))


def _leaks(against: str | Path | None, with_ids: bool) -> Callable[[TrainingRow], bool]:
    """Whether a row's query is in the test set: by text where there are texts, by id where there are only judgements."""
    if against is None:
        return lambda row: False
    existing_path(str(against), "test set")
    if Path(against).is_dir():
        test = read_beir(against, split=("test",))
        starts = range(0, len(test.queries), CHUNK)
        texts = {key(text) for start in starts for text in test.queries.texts(range(start, min(start + CHUNK, len(test.queries))))}
        return lambda row: key(row.query) in texts
    if not with_ids:
        raise ConfigError(f"{against} knows queries by id, and the training file has no query ids; give a BEIR folder with their texts")
    ids = query_ids(str(against))
    return lambda row: row.query_id in ids


def _places(places: tuple[int, ...], row: TrainingRow) -> str:
    """`negative 2`: the kind and its number among its kind, from 1."""
    names = []
    for place in places:
        label = row.labels[place]
        name = {1: "positive", 0: "negative", None: "passage"}[label]
        names.append(f"{name} {sum(other == label for other in row.labels[: place + 1])}")
    return ", ".join(names)


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return f"'{flat if len(flat) <= 60 else flat[:59] + '…'}'"

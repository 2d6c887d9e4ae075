"""`read_pairs` and `read_inline`: rows of pair files, and lists in memory, become pairs.

Imports types, errors and its neighbours only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from miner.errors import ConfigError, InputError
from miner.io.input_files import InputHashes
from miner.read.assemble import PART_SUFFIX, finish, work_folder
from miner.read.beir_folder import BARE_PASSAGE, NO_FIELDS, PathNames, existing_files
from miner.read.cells import as_json, clean_grade, clean_id, clean_text, clean_title, full_text
from miner.read.column_names import NO_COLUMN, PAIRS, PASSAGES, check_fields, columns_left_out, is_usual, spelling
from miner.read.columns import Columns
from miner.read.file_rows import RowStream, open_rows, suffix_of
from miner.read.layouts import unfold
from miner.read.lines import Row
from miner.read.objects import has_items
from miner.read.pairs import Collector, Pair, Positive
from miner.read.rejects import BadRow, OnError, Origin, Rejects
from miner.read.stray_passages import StrayPassages
from miner.read.text_writer import StoredTexts, read_texts
from miner.read.trainers import open_folder
from miner.support.list_text import list_in_text
from miner.support.name_list import listed
from miner.support.value_types import type_name
from miner.types import Dataset

ITEM_FIELDS = ("id", "text", "positives", "positive_texts", "non_relevant")
NON_RELEVANT = 0
"""The grade of the passages in `non_relevant`."""
NEGATIVE_LISTS = ("neg", "negatives", "hard_negatives")
"""Usual names of columns of negatives that promise a list."""
FLAT_KINDS = (".csv", ".tsv")
"""Kinds of files that cannot contain lists."""
TRIPLE = ("query", "positive", "negative")
MIN_WORDS = 3
"""Words of a passage: names of columns have fewer."""
THREE_IDS = (
    "three ids a line and no header are MS MARCO's triples (query, positive, negative), without their texts: make judgements of them, "
    r"`cut -f1,2 TRIPLES | sort -u | sed 's/$/\t1/' > qrels.tsv`, and give --corpus collection.tsv --queries queries.tsv --qrels qrels.tsv"
)
IDS_OF_POSITIVES = ("docid", "id", "_id", "doc_id", "passage_id", "psg_id", "pid")


def read_pairs(
    pairs: PathNames,
    corpus: PathNames | None = None,
    into: Path | None = None,
    *,
    fields: Mapping[str, str] = NO_FIELDS,
    on_error: OnError = "fail",
    min_grade: int = 1,
    complete: bool = False,
) -> Dataset:
    """Read (query, positive) rows, or a training format. Positives and negatives are added to the corpus.

    A negative of a row is judged non-relevant. So is a passage with a grade below `min_grade`, where fields["grade"] names such a column,
    or the format has labels.

    pairs: one or several files, or an object in memory: a DataFrame, a datasets.Dataset, a list of dicts (`miner.read.objects` lists all).
    corpus: further passages, likewise, or None.
    complete: as for `read`.
    """
    check_fields({name: column for name, column in fields.items() if name not in columns_left_out(fields)}, PAIRS, PASSAGES)
    files, passages = existing_files(pairs, "pairs"), existing_files(corpus, "corpus") if has_items(corpus) else []
    inputs = InputHashes()
    with work_folder(into, on_error) as (folder, rejects):
        corpus_rows = open_rows(passages, rejects, inputs, BARE_PASSAGE) if passages else None
        corpus_texts = _corpus(corpus_rows, fields, folder, rejects)
        rows = open_rows(files, rejects, inputs, partial(triple_columns, fields=fields), folder=open_folder)
        parts = [(part.numbered, FileRows(part.origin, fields)) for part in rows.files]
        collector = Collector(folder, corpus_texts, rows, rejects, min_grade, complete=complete)
        dataset = _collect(rows, parts, collector, rejects)
        _check_columns([parse for _, parse in parts], fields, corpus_texts)
        columns = {**(corpus_texts.columns if corpus_texts else {}), **{parse.name: parse.columns.roles() for _, parse in parts}}
        if lists := sum(parse.lists_in_text for _, parse in parts):
            dataset = replace(dataset, reading={**dataset.reading, "lists_in_text": lists})
        return finish(dataset, folder, rejects, inputs, columns)


def read_inline(
    queries: Iterable[Mapping[str, Any]],
    passages: Iterable[Mapping[str, Any]] = (),
    into: Path | None = None,
    *,
    on_error: OnError = "fail",
) -> Dataset:
    """Read from memory.

    A query is {"id", "text", "positives": passage ids, "positive_texts": texts, "non_relevant": passage ids}, a passage
    {"id", "text", "title", "group"}.
    """
    passage_list, query_list = list(passages), list(queries)
    with work_folder(into, on_error) as (folder, rejects):
        corpus_texts = _corpus(_in_memory("passages", passage_list, rejects), NO_FIELDS, folder, rejects) if passage_list else None
        rows = _in_memory("queries", query_list, rejects)
        collector = Collector(folder, corpus_texts, rows, rejects)
        return finish(_collect(rows, [(rows.numbered, _pair_of_item)], collector, rejects), folder, rejects, InputHashes())


def _check_columns(files: Sequence[FileRows], fields: Mapping[str, str], corpus: StoredTexts | None) -> None:
    """ConfigError for a column that is to be left out and is in no file, InputError for one that is not read and holds passages."""
    columns = {name for file in files for name in file.columns.roles()}
    if missing := sorted(columns_left_out(fields) - columns):
        raise ConfigError(f"there is no field and no column '{missing[0]}' here; the columns are: {listed(sorted(columns))}")
    if corpus:
        for file in files:
            file.strays.check(corpus)


def triple_columns(cells: list[str], fields: Mapping[str, str]) -> Sequence[str]:
    """Return the columns of MS MARCO's triples, which have no header: texts of a query, a positive and a negative.

    cells: those of the first line. Returns nothing where it is a header. Raises InputError for three ids.
    """
    if len(cells) != len(TRIPLE) or any(cell in fields.values() or is_usual(cell) for cell in cells):
        return ()
    if all(cell.isdecimal() for cell in cells):
        raise InputError(THREE_IDS)
    return TRIPLE if all(len(cell.split()) >= MIN_WORDS for cell in cells[1:]) else ()


Parse = Callable[[int, Row], Pair]


def _corpus(rows: RowStream | None, fields: Mapping[str, str], folder: Path, rejects: Rejects) -> StoredTexts | None:
    return read_texts(rows, PASSAGES, fields, folder / f"corpus.{PART_SUFFIX}", rejects) if rows else None


def _collect(rows: RowStream, parts: Iterable[tuple[Iterable[tuple[int, Row]], Parse]], collector: Collector, rejects: Rejects) -> Dataset:
    with collector:
        for numbered, parse in parts:
            for number, row in numbered:
                try:
                    collector.add(parse(number, row))
                except BadRow as error:
                    rejects.add(rows.origin, number, str(error), row)
    return collector.dataset()


def _in_memory(name: str, items: Sequence[Mapping[str, Any]], rejects: Rejects) -> RowStream:
    origin = Origin(name, "{}[{}]")

    def numbered() -> Iterator[tuple[int, Row]]:
        for number, item in enumerate(items):
            if isinstance(item, Mapping):
                yield number, dict(item)
            else:
                rejects.add(origin, number, f"{type_name(item)} where an object is needed", item)

    return RowStream(origin, numbered(), lambda: enumerate(items))


class FileRows:
    """Parses the rows of one file into pairs. columns: what each column is. lists_in_text: passages that are lists written as text."""

    def __init__(self, origin: Origin, fields: Mapping[str, str]) -> None:
        self.name = origin.name
        self.columns = Columns(origin, PAIRS, fields)
        self._fields = fields
        self.strays = StrayPassages(origin, fields)
        self._has_lists = suffix_of(origin.name) not in FLAT_KINDS
        self.lists_in_text = 0

    def __call__(self, number: int, raw: Row) -> Pair:
        """Parse one row. Raises BadRow with the reason, or InputError where no column or more than one fits."""
        columns, row = self.columns, unfold(raw, self._fields)
        values = columns(row)
        if self._has_lists:
            _check_lists(values, columns)
        else:
            lists = {slot: self._cell(values.get(slot), columns.promises_list(slot)) for slot in ("positive", "positive_id")}
            values = {**values, **{slot: value for slot, value in lists.items() if slot in values}}
        if not columns.bound.keys() & {"positive", "positive_id"}:
            raise columns.unknown("positive", row)
        query_id = values.get("query_id")
        if "query_id" in columns.bound:
            query_id = clean_id(query_id, columns.name("query_id"))
        query = full_text(values.get("query"), columns.name("query"))
        positives = _positives(values.get("positive"), values.get("positive_id"), columns)
        grades = _grades(values.get("grade"), len(positives), columns.name("grade")) if "grade" in columns.bound else None
        cells = [(name, self._cell(value, spelling(name) in NEGATIVE_LISTS)) for name, value in columns.values("negative", row)]
        negatives = _negatives(cells, values.get("negative_id"), columns)
        pair = Pair(number, query_id, query, positives, columns.further(row), raw, grades, negatives)
        if pair.extra is not None and self.strays.needs_rows:
            self.strays.note(columns.others(row), pair)
        return pair

    def _cell(self, value: Any, promises_list: bool) -> Any:
        """A list that is written as text in a table: that list where the column's name promises one, else one text, which is counted."""
        listed = list_in_text(value) if isinstance(value, str) and not self._has_lists else None
        if listed is None or promises_list:
            return listed or value
        self.lists_in_text += isinstance(listed[0], str)
        return value


def _check_lists(values: Mapping[str, Any], columns: Columns) -> None:
    for slot in ("positive", "positive_id"):
        if isinstance(values.get(slot), str) and columns.promises_list(slot):
            name = columns.name(slot)
            raise BadRow(f"'{name}' is a string; a list is needed, or say that it is one value: --field {slot}={name}")


def _positives(texts: Any, ids: Any, columns: Columns) -> list[Positive]:
    name, id_name = columns.name("positive"), columns.name("positive_id")
    if texts is None and ids is None:
        raise BadRow(f"missing '{name if 'positive' in columns.bound else id_name}'")
    id_values = [clean_id(value, id_name) for value in (ids if isinstance(ids, list) else [ids])] if ids is not None else []
    if texts is None:
        return [Positive(value, None, None) for value in _check_not_empty(id_values, id_name)]
    positives = [_positive(value, name) for value in _check_not_empty(texts if isinstance(texts, list) else [texts], name)]
    if ids is None:
        return positives
    if len(id_values) != len(positives):
        raise BadRow(f"'{name}' has {len(positives)} values and '{id_name}' has {len(id_values)}")
    return [Positive(value, positive.title, positive.text) for value, positive in zip(id_values, positives, strict=True)]


def _negatives(columns_with_values: list[tuple[str, Any]], ids: Any, columns: Columns) -> list[Positive]:
    """Return the negatives of a row, from all its columns of negatives."""
    id_name = columns.name("negative_id")
    id_values = [clean_id(value, id_name) for value in (ids if isinstance(ids, list) else [ids])] if ids not in (None, "") else []
    texts = [(name, item) for name, value in columns_with_values for item in (value if isinstance(value, list) else [value])]
    try:
        passages = [_positive(item, name) for name, item in texts]
    except BadRow as error:
        raise BadRow(f"{error}; if there are no negatives, say so: --field negative={NO_COLUMN}") from None
    if not id_values:
        return passages
    if not columns_with_values:
        return [Positive(value, None, None) for value in id_values]
    if len(id_values) != len(passages):
        raise BadRow(
            f"{' and '.join(name for name, _ in columns_with_values)} hold {len(passages)} negatives and '{id_name}' {len(id_values)} ids"
        )
    return [Positive(value, item.title, item.text) for value, item in zip(id_values, passages, strict=True)]


def _grades(value: Any, count: int, name: str) -> list[int]:
    """Return one grade for each passage; a single grade applies to all."""
    if isinstance(value, list) and len(value) != count:
        raise BadRow(f"'{name}' has {len(value)} values for {count} passages")
    values = value if isinstance(value, list) else [value] * count
    try:
        return [clean_grade(int(item) if isinstance(item, bool) else item, name) for item in values]
    except BadRow as error:
        if "whole number" not in str(error):
            raise
        raise BadRow(f"{error}; if '{name}' is no judgement, say so: --field grade={NO_COLUMN}") from None


def _positive(value: Any, name: str) -> Positive:
    if isinstance(value, str):
        return Positive(None, None, full_text(value, name))
    if not isinstance(value, dict):
        raise BadRow(f"'{name}' holds {type_name(value)}; a string, a list of strings, or a list of objects with text is needed")
    title, text = clean_title(value.get("title"), "title"), clean_text(value.get("text"), f"{name}.text")
    if not title and (not text or text.isspace()):
        raise BadRow(f"'{name}.text' is empty")
    key = next((key for key in IDS_OF_POSITIVES if value.get(key) is not None), None)
    return Positive(clean_id(value[key], key) if key else None, title, text)


def _check_not_empty(values: list[Any], name: str) -> list[Any]:
    if not values:
        raise BadRow(f"'{name}' is an empty list")
    return values


def _pair_of_item(number: int, item: Row) -> Pair:
    ids, texts, non_relevant = (_as_list(item.get(name), name) for name in ("positives", "positive_texts", "non_relevant"))
    if not ids and not texts:
        raise BadRow("missing 'positives': passage ids, or 'positive_texts'")
    passages = [Positive(clean_id(value, "positives"), None, None) for value in ids]
    passages += [Positive(None, None, full_text(value, "positive_texts")) for value in texts]
    grades = [1] * len(passages) + [NON_RELEVANT] * len(non_relevant) if non_relevant else None
    passages += [Positive(clean_id(value, "non_relevant"), None, None) for value in non_relevant]
    text, extra = full_text(item.get("text"), "text"), as_json({name: value for name, value in item.items() if name not in ITEM_FIELDS})
    return Pair(number, None if item.get("id") is None else clean_id(item["id"], "id"), text, passages, extra, item, grades)


def _as_list(value: Any, name: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise BadRow(f"'{name}' is {type_name(value)}; a list is needed")
    return list(value)

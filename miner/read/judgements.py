"""Reader of judgements: BEIR's TSV, TREC's four columns, three columns without a header, or any file with a header.

Ids become rows chunk by chunk; unknown ids are rejected with their line. Imports its neighbours only.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from miner.errors import InputError
from miner.io.file_kinds import COMPRESSIONS
from miner.io.input_files import InputHashes, existing_path
from miner.io.scratch import scratch
from miner.read.cells import clean_grade, clean_id
from miner.read.column_names import QRELS, Fields
from miner.read.columns import Columns
from miner.read.file_rows import Location, RowStream, open_rows, suffix_of
from miner.read.ids import CHUNK_ROWS
from miner.read.lines import decode_line, lines
from miner.read.rejects import BadRow, Origin, Rejects
from miner.read.text_writer import StoredTexts
from miner.types import Ints

PLAIN_SUFFIXES = (".tsv", ".txt", ".qrels", ".trec")
MAX_GRADE = 127
LAYOUTS = "query-id, corpus-id, score with a header, or without one 'query passage grade' or TREC's 'query 0 passage grade'"

RolesByFile = dict[str, Mapping[str, str]]
Missing = dict[tuple[int | str, str], int]
"""Judgements of missing texts: {(query row, or the id of a missing query, passage id): the highest grade}."""

Judgement = tuple[int, str, str, int, object]
"""Line, query id, passage id, grade, and the raw row."""


@dataclass
class JudgementRows:
    """Judgements as query rows, passage rows and grades. columns: what each column was read as, by file."""

    queries: array[int] = field(default_factory=lambda: array("q"))
    passages: array[int] = field(default_factory=lambda: array("q"))
    grades: array[int] = field(default_factory=lambda: array("b"))
    columns: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def arrays(self) -> tuple[Ints, Ints, NDArray[np.int8]]:
        """Return query rows, passage rows and grades as numpy arrays of shape (J,)."""
        return (
            np.array(self.queries, dtype=np.int64),
            np.array(self.passages, dtype=np.int64),
            np.array(self.grades, dtype=np.int8),
        )


def read_qrels(
    locations: Sequence[Location],
    queries: StoredTexts,
    corpus: StoredTexts,
    fields: Fields,
    rejects: Rejects,
    inputs: InputHashes,
    *,
    strict: bool = True,
    lost: Missing | None = None,
) -> JudgementRows:
    """Read all judgements of several files, in file order; repeated ones are still included.

    strict: whether an unknown id, or a file without rows, is an error.
    lost: receives the judgements of unknown ids.
    """
    result, by_query, by_passage = JudgementRows(), queries.by_id(), corpus.by_id()
    for location in locations:
        origin, judgements = _open(location, fields, rejects, inputs, result.columns)
        rejects_before = rejects.count
        empty = True
        for chunk in _chunks(judgements):
            empty = False
            query_rows = by_query.rows([judgement[1] for judgement in chunk]).tolist()
            passage_rows = by_passage.rows([judgement[2] for judgement in chunk]).tolist()
            for judgement, query, passage in zip(chunk, query_rows, passage_rows, strict=True):
                if query < 0 or passage < 0:
                    if strict:
                        _reject_unknown(judgement, (queries, query), corpus, origin, rejects)
                    if lost is not None:
                        add_lost(lost, judgement[1] if query < 0 else query, judgement[2], judgement[3])
                    continue
                result.queries.append(query)
                result.passages.append(passage)
                result.grades.append(judgement[3])
        if empty and strict:
            raise InputError(f"{origin.name} holds no rows" + (" that can be used" if rejects.count > rejects_before else ""))
    return result


def add_lost(lost: Missing, query: int | str, passage: str, grade: int) -> None:
    """Add one judgement; of repeated ones the highest grade stays, as in the Dataset."""
    lost[query, passage] = max(grade, lost.get((query, passage), grade))


def _open(
    location: Location, fields: Fields, rejects: Rejects, inputs: InputHashes, roles: RolesByFile
) -> tuple[Origin, Iterator[Judgement]]:
    """Open the judgements of a file; add to `roles` what its columns were read as."""
    if (
        isinstance(location, str)
        and not Path(location).is_dir()
        and not location.startswith("hf:")
        and suffix_of(location) in PLAIN_SUFFIXES
    ):
        return Origin(location), _plain(location, fields, rejects, inputs, roles)
    rows = open_rows(location, rejects, inputs)
    return rows.origin, _by_column(rows, fields, rejects, roles)


def _by_column(rows: RowStream, fields: Fields, rejects: Rejects, roles: RolesByFile) -> Iterator[Judgement]:
    for part in rows.files:
        columns = Columns(part.origin, QRELS, fields)
        for number, row in part.numbered:
            values = columns(row)
            try:
                query = clean_id(values.get("query_id"), columns.name("query_id"))
                passage = clean_id(values.get("passage_id"), columns.name("passage_id"))
                yield number, query, passage, clean_grade(values.get("grade")), row
            except BadRow as error:
                rejects.add(rows.origin, number, str(error), row)
        roles[part.origin.name] = columns.roles()


def _plain(location: str, fields: Fields, rejects: Rejects, inputs: InputHashes, roles: RolesByFile) -> Iterator[Judgement]:
    """Yield the judgements of a text file, with fields separated by tabs, or by white space where the first line has no tab."""
    order: tuple[int, ...] = ()
    tab: str | None = None
    width = 0
    for number, line in lines(location, rejects, inputs):
        try:
            text = decode_line(line)
            if not order:
                tab = "\t" if "\t" in text else None
                width = len(text.split(tab))
                order, header, roles[location] = _layout(location, text.split(tab), fields)
                if header:
                    continue
            cells = text.split(tab)
            if len(cells) != width:
                raise BadRow(f"{len(cells)} fields where the first line has {width}")
            query, passage, grade = (cells[i] for i in order)
            yield number, clean_id(query, "query-id"), clean_id(passage, "corpus-id"), clean_grade(grade), line
        except BadRow as error:
            rejects.add(Origin(location), number, str(error), line)


def _layout(location: str, cells: list[str], fields: Fields) -> tuple[tuple[int, ...], bool, Mapping[str, str]]:
    """Return the positions of query, passage and grade, whether the first line is a header, and what each column is read as."""
    if _is_number(cells[-1]):
        if len(cells) == 3 and all(cell.isdecimal() for cell in cells) and int(cells[2]) > MAX_GRADE:
            raise InputError(
                f"{cells[2]} is no grade: three ids a line are MS MARCO's triples (query, positive, negative); make judgements of them, "
                r"`cut -f1,2 TRIPLES | sort -u | sed 's/$/\t1/' > qrels.tsv`",
                f"{location}:1",
            )
        if len(cells) not in (3, 4):
            raise InputError(f"{len(cells)} fields; judgements are {LAYOUTS}", f"{location}:1")
        order = (0, 2, 3) if len(cells) == 4 else (0, 1, 2)
        return order, False, {f"column {position + 1}": slot for position, slot in zip(order, QRELS, strict=True)}
    columns = Columns(Origin(location), QRELS, fields)
    columns(dict.fromkeys(cells, ""))
    return tuple(cells.index(columns.bound[slot]) for slot in QRELS), True, columns.roles()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _chunks(judgements: Iterator[Judgement]) -> Iterator[list[Judgement]]:
    chunk: list[Judgement] = []
    for judgement in judgements:
        chunk.append(judgement)
        if len(chunk) == CHUNK_ROWS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _reject_unknown(judgement: Judgement, query: tuple[StoredTexts, int], corpus: StoredTexts, origin: Origin, rejects: Rejects) -> None:
    number, query_id, passage_id, _, raw = judgement
    side, name, texts = ("query", query_id, query[0]) if query[1] < 0 else ("passage", passage_id, corpus)
    rejects.add(origin, number, f"unknown {side} id '{name}': it is not in {texts.origin.name}", raw)


def is_qrels(path: Path) -> bool:
    """Return whether a file, by its suffix, may contain judgements."""
    return (path.with_suffix("") if path.suffix.lower() in COMPRESSIONS else path).suffix.lower() in (
        *PLAIN_SUFFIXES,
        ".jsonl",
        ".csv",
        ".parquet",
    )


def query_ids(location: str) -> set[str]:
    """Return the ids of all queries in a file of judgements. Raises InputError for an invalid line."""
    existing_path(location, "qrels")
    with scratch() as folder, Rejects(folder, "fail") as rejects:
        return {query for _, query, *_ in _open(location, {}, rejects, {}, {})[1]}

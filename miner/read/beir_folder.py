"""A corpus, queries and judgements in files of their own: BEIR's folder, or three files by name.

Imports types, errors and its neighbours only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from miner.errors import InputError
from miner.io.folder_tree import rename
from miner.io.input_files import InputHashes, existing_path
from miner.read.assemble import CORPUS, PART_SUFFIX, assemble, finish, work_folder
from miner.read.beir_splits import EXPECTED, find_file, select_splits
from miner.read.column_names import CORPUS as CORPUS_SLOTS
from miner.read.column_names import QRELS, QUERIES, check_fields
from miner.read.delimited import numbered
from miner.read.file_rows import Location, open_rows
from miner.read.judgements import Missing, read_qrels
from miner.read.objects import MemoryRows, is_path, is_texts
from miner.read.rejects import OnError
from miner.read.shards import matches
from miner.read.text_writer import read_texts
from miner.types import Dataset

PathNames = Any
"""One file, several that are read as one, or an object in memory (`miner.read.objects`)."""
BARE_PASSAGE, BARE_QUERY = numbered("id", "text", "title"), numbered("id", "text")
"""Readers of the columns of MS MARCO's and ColBERT's files, which have no header."""
NO_FIELDS: Mapping[str, str] = MappingProxyType({})


def read_beir(
    folder: Path | str,
    into: Path | None = None,
    *,
    split: tuple[str, ...] = (),
    leave_out: tuple[str, ...] = (),
    fields: Mapping[str, str] = NO_FIELDS,
    on_error: OnError = "fail",
    min_grade: int = 1,
    complete: bool = False,
) -> Dataset:
    """Read corpus.jsonl, queries.jsonl and the qrels/*.tsv of a BEIR folder, or the same as the hub lays it out.

    split: the qrels to read; by default train, or the only one. Positives of other splits for the same query text are known, so they are
        never mined; they are not in the Dataset's judgements, and `reading` counts them for each file.
    leave_out: qrels files that are not read at all.
    complete: as for `read`.
    """
    root = Path(folder)
    if not root.is_dir():
        raise InputError(f"there is no folder {folder}; {EXPECTED}")
    qrels, other_qrels = select_splits(root, tuple(split), tuple(leave_out))
    files = (find_file(root, "corpus"), find_file(root, "queries"), qrels)
    return read_files(*files, into, elsewhere=other_qrels, fields=fields, on_error=on_error, min_grade=min_grade, complete=complete)


def read_files(
    corpus: PathNames,
    queries: PathNames,
    qrels: PathNames,
    into: Path | None = None,
    *,
    elsewhere: Iterable[Path | str] = (),
    fields: Mapping[str, str] = NO_FIELDS,
    on_error: OnError = "fail",
    min_grade: int = 1,
    complete: bool = False,
) -> Dataset:
    """Read corpus, queries and qrels, each one or several files of any kind.

    elsewhere: judgements of other splits; ids without a text are allowed there.
    complete: as for `read`.
    """
    check_fields(fields, CORPUS_SLOTS, QUERIES, QRELS)
    files = {role: existing_files(names, role) for role, names in (("corpus", corpus), ("queries", queries), ("qrels", qrels))}
    inputs, lost = InputHashes(), Missing() if complete else None
    with work_folder(into, on_error) as (folder, rejects):
        corpus_rows = open_rows(files["corpus"], rejects, inputs, BARE_PASSAGE)
        passage_texts = read_texts(corpus_rows, CORPUS_SLOTS, fields, folder / f"corpus.{PART_SUFFIX}", rejects)
        queries_path = folder / f"queries.{PART_SUFFIX}"
        query_texts = read_texts(open_rows(files["queries"], rejects, inputs, BARE_QUERY), QUERIES, fields, queries_path, rejects)
        judgements = read_qrels(files["qrels"], query_texts, passage_texts, fields, rejects, inputs, lost=lost)
        other_judgements = {
            str(name): read_qrels((str(name),), query_texts, passage_texts, fields, rejects, inputs, strict=False).arrays()
            for name in elsewhere
        }
        rename(passage_texts.texts.path, folder / CORPUS)
        columns = {**passage_texts.columns, **query_texts.columns, **judgements.columns}
        return finish(
            assemble(folder, queries_path, judgements.arrays(), min_grade, elsewhere=other_judgements, lost=lost),
            folder,
            rejects,
            inputs,
            columns,
        )


def existing_files(names: PathNames, role: str) -> list[Location]:
    """Return the files as a list of strings, an object in memory as its rows; raise InputError for a missing file."""
    if isinstance(names, MemoryRows):
        return [names]
    if not is_path(names) or (isinstance(names, list) and is_texts(names)):
        return [MemoryRows(role, names)]
    files = [str(name) for name in (names if isinstance(names, tuple | list) else (names,))]
    paths = [path for name in files for path in matches(name)]
    for path in paths:
        if not path.startswith("hf:"):
            existing_path(path, role)
    return [*paths]

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
from miner.read.column_names import CORPUS as CORPUS_SLOTS
from miner.read.column_names import QRELS, QUERIES, check_fields
from miner.read.file_rows import Location, open_rows
from miner.read.judgements import Missing, is_qrels, read_qrels
from miner.read.objects import MemoryRows, is_path
from miner.read.rejects import OnError
from miner.read.text_writer import read_texts
from miner.types import Dataset

PathNames = Any
"""One file, several that are read as one, or an object in memory (`miner.read.objects`)."""
BARE_PASSAGE, BARE_QUERY = ("id", "text", "title"), ("id", "text")
"""The columns of MS MARCO's and ColBERT's files, which have no header."""
NO_FIELDS: Mapping[str, str] = MappingProxyType({})
EXPECTED = "a BEIR folder holds corpus.jsonl, queries.jsonl and qrels/*.tsv"
SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet", ".csv", ".tsv")
DEFAULT_SPLIT = "train"


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
    """Read corpus.jsonl, queries.jsonl and the qrels/*.tsv of a BEIR folder.

    split: the qrels to read; by default train, or the only one. Positives of other splits for the same query text are known, so they are
        never mined; they are not in the Dataset's judgements, and `reading` counts them for each file.
    leave_out: qrels files that are not read at all.
    complete: as for `read`.
    """
    root = Path(folder)
    if not root.is_dir():
        raise InputError(f"there is no folder {folder}; {EXPECTED}")
    qrels, other_qrels = _select_splits(root, tuple(split), tuple(leave_out))
    files = (_find_file(root, "corpus"), _find_file(root, "queries"), qrels)
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
    if not is_path(names):
        return [MemoryRows(role, names)]
    files = [str(name) for name in (names if isinstance(names, tuple | list) else (names,))]
    for name in files:
        if not name.startswith("hf:"):
            existing_path(name, role)
    return [*files]


def _find_file(root: Path, name: str) -> Path:
    for suffix in (*SUFFIXES, ""):
        if (root / f"{name}{suffix}").exists():
            return root / f"{name}{suffix}"
    raise InputError(f"there is no file {root / name}.jsonl; {EXPECTED}")


def _select_splits(root: Path, split: tuple[str, ...], leave_out: tuple[str, ...]) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Return the qrels files of `split`, and those of the other splits that are not left out."""
    paths = {path.name.split(".")[0]: path for path in sorted((root / "qrels").glob("*")) if is_qrels(path)}
    if not paths:
        raise InputError(f"there is no file {root / 'qrels' / 'train.tsv'}; {EXPECTED}")
    for name in (*split, *leave_out):
        if name not in paths:
            raise InputError(f"{root / 'qrels'} has no split '{name}'; it has: {', '.join(paths)}")
        if name in split and name in leave_out:
            raise InputError(f"split '{name}' is asked for and left out: leave out another one, or none")
    remaining = {name: path for name, path in paths.items() if name not in leave_out}
    split = split or _default_split(root, list(remaining))
    return tuple(remaining[name] for name in split), tuple(path for name, path in remaining.items() if name not in split)


def _default_split(root: Path, splits: list[str]) -> tuple[str, ...]:
    """Return the default split: train, or the only one."""
    if DEFAULT_SPLIT in splits or len(splits) == 1:
        return (DEFAULT_SPLIT,) if DEFAULT_SPLIT in splits else tuple(splits)
    if not splits:
        raise InputError(f"every file of {root / 'qrels'} is left out, and there is nothing to mine for")
    raise InputError(f"{root / 'qrels'} has no train.tsv but {', '.join(splits)}; choose with --split")

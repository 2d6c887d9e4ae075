"""A corpus, queries and judgements in files of their own: BEIR's folder, or three files by name.

Imports types, errors and its neighbours only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from miner.errors import InputError
from miner.read.assemble import CORPUS, READING, assemble, finish, workplace
from miner.read.columns import CORPUS as CORPUS_SLOTS
from miner.read.columns import QRELS, QUERIES, check_fields
from miner.read.files import must_exist
from miner.read.qrels import is_qrels, read_qrels
from miner.read.rejects import Inputs, OnError
from miner.read.rows import open_rows
from miner.read.texts import read_texts
from miner.types import Dataset

NO_FIELDS: Mapping[str, str] = MappingProxyType({})
EXPECTED = "a BEIR folder holds corpus.jsonl, queries.jsonl and qrels/*.tsv"
SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet", ".csv", ".tsv")
DEFAULT_SPLIT = "train"


def read_beir(
    folder: Path | str,
    into: Path | None = None,
    *,
    split: tuple[str, ...] = (),
    fields: Mapping[str, str] = NO_FIELDS,
    on_error: OnError = "fail",
    min_grade: int = 1,
) -> Dataset:
    """Read corpus.jsonl, queries.jsonl and the chosen qrels/*.tsv of a folder; default: train, or the only one.

    What the other qrels call relevant to the same question is known, and so never mined; it is not in the Dataset's judgements.
    """
    root = Path(folder)
    if not root.is_dir():
        raise InputError(f"there is no folder {folder}; {EXPECTED}")
    qrels, others = _chosen(root, tuple(split))
    files = (_one(root, "corpus"), _one(root, "queries"), qrels)
    return read_files(*files, into, elsewhere=others, fields=fields, on_error=on_error, min_grade=min_grade)


def read_files(
    corpus: Path | str,
    queries: Path | str,
    qrels: Path | str | tuple[Path | str, ...] | list[Path | str],
    into: Path | None = None,
    *,
    elsewhere: Iterable[Path | str] = (),
    fields: Mapping[str, str] = NO_FIELDS,
    on_error: OnError = "fail",
    min_grade: int = 1,
) -> Dataset:
    """Read three kinds of files, each in any form. elsewhere: judgements of other splits, whose ids need not be in the texts."""
    check_fields(fields, CORPUS_SLOTS, QUERIES, QRELS)
    judgements = tuple(map(str, qrels if isinstance(qrels, tuple | list) else (qrels,)))
    for role, name in [("corpus", str(corpus)), ("queries", str(queries)), *(("qrels", name) for name in judgements)]:
        if not name.startswith("hf:"):
            must_exist(name, role)
    inputs = Inputs()
    with workplace(into, on_error) as (folder, rejects):
        passages = read_texts(open_rows(str(corpus), rejects, inputs), CORPUS_SLOTS, fields, folder / f"corpus.{READING}", rejects)
        asked = folder / f"queries.{READING}"
        asking = read_texts(open_rows(str(queries), rejects, inputs), QUERIES, fields, asked, rejects)
        judged = read_qrels(judgements, asking, passages, fields, rejects, inputs).arrays()
        others = read_qrels(tuple(map(str, elsewhere)), asking, passages, fields, rejects, inputs, strict=False).arrays()
        passages.texts.path.replace(folder / CORPUS)
        return finish(assemble(folder, asked, judged, min_grade, elsewhere=others), folder, rejects, inputs)


def _one(root: Path, name: str) -> Path:
    for suffix in SUFFIXES:
        if (root / f"{name}{suffix}").exists():
            return root / f"{name}{suffix}"
    raise InputError(f"there is no file {root / name}.jsonl; {EXPECTED}")


def _chosen(root: Path, split: tuple[str, ...]) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """The judgements that are asked for, and those of the other splits."""
    there = {path.name.split(".")[0]: path for path in sorted((root / "qrels").glob("*")) if is_qrels(path)}
    if not there:
        raise InputError(f"there is no file {root / 'qrels' / 'train.tsv'}; {EXPECTED}")
    listed = ", ".join(sorted(there))
    if not split:
        if DEFAULT_SPLIT not in there and len(there) > 1:
            raise InputError(f"{root / 'qrels'} has no train.tsv but {listed}; choose with --split")
        split = (DEFAULT_SPLIT,) if DEFAULT_SPLIT in there else tuple(there)
    for name in split:
        if name not in there:
            raise InputError(f"{root / 'qrels'} has no split '{name}'; it has: {listed}")
    return tuple(there[name] for name in split), tuple(path for name, path in there.items() if name not in split)

"""The files of a BEIR folder: corpus, queries, and the judgements of each split, as BEIR and as the hub lay them out.

Judgements are `qrels/train.tsv`, pieces such as `qrels/train-00000-of-00002.parquet`, one `qrels.tsv`, the files of `data/` or `default/`,
or `train.jsonl` beside the corpus. Imports its neighbours only.
"""

from __future__ import annotations

import re
from pathlib import Path

from miner.errors import InputError
from miner.io.file_kinds import COMPRESSIONS
from miner.read.judgements import is_qrels
from miner.read.shards import check_whole

EXPECTED = "a BEIR folder holds corpus.jsonl, queries.jsonl and qrels/*.tsv"
SUFFIXES = (
    *(".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet", ".csv", ".tsv", ".json"),
    *(f"{kind}{suffix}" for kind in (".jsonl", ".csv", ".tsv", ".json") for suffix in COMPRESSIONS),
)
DEFAULT_SPLIT = "train"
HUB_FOLDERS = ("data", "default")
SPLITS = ("train", "dev", "validation", "test")
"""Names of files of judgements beside the corpus."""
PIECE = re.compile(r"-\d+-of-\d+$")


def is_beir(folder: Path) -> bool:
    """Return whether a folder has judgements, or a corpus and queries."""
    return (folder / "qrels").is_dir() or all(_files(folder, name) for name in ("corpus", "queries"))


def find_file(root: Path, name: str) -> Path:
    """Return the file or folder `corpus` or `queries`. Raises InputError where there is none."""
    paths = _files(root, name)
    if not paths:
        raise InputError(f"there is no file {root / name}.jsonl; {EXPECTED}")
    return paths[0]


def splits(root: Path) -> dict[str, tuple[Path, ...]]:
    """Return the files of judgements of each split; none where the folder has no judgements."""
    folder = next((root / name for name in ("qrels", *HUB_FOLDERS) if _judgements(root / name)), None)
    if folder:
        return _judgements(folder)
    if files := [path for path in _files(root, "qrels") if path.is_file()]:
        return {"qrels": (files[0],)}
    return {name: (files[0],) for name in SPLITS if (files := _files(root, name))}


def select_splits(root: Path, split: tuple[str, ...], leave_out: tuple[str, ...]) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Return the qrels files of `split`, and those of the other splits that are not left out."""
    paths = splits(root)
    if not paths:
        raise InputError(f"there is no file {root / 'qrels' / 'train.tsv'}; {EXPECTED}")
    for name in (*split, *leave_out):
        if name not in paths:
            raise InputError(f"{root / 'qrels'} has no split '{name}'; it has: {', '.join(paths)}")
        if name in split and name in leave_out:
            raise InputError(f"split '{name}' is asked for and left out: leave out another one, or none")
    remaining = {name: files for name, files in paths.items() if name not in leave_out}
    split = split or _default_split(root, list(remaining))
    others = tuple(path for name, files in remaining.items() if name not in split for path in files)
    return tuple(path for name in split for path in remaining[name]), others


def _default_split(root: Path, names: list[str]) -> tuple[str, ...]:
    """Return the default split: train, or the only one."""
    if DEFAULT_SPLIT in names or len(names) == 1:
        return (DEFAULT_SPLIT,) if DEFAULT_SPLIT in names else tuple(names)
    if not names:
        raise InputError(f"every file of {root / 'qrels'} is left out, and there is nothing to mine for")
    raise InputError(f"{root / 'qrels'} has no train.tsv but {', '.join(names)}; choose with --split")


def _files(root: Path, name: str) -> list[Path]:
    return [path for suffix in (*SUFFIXES, "") if (path := root / f"{name}{suffix}").exists()]


def _judgements(folder: Path) -> dict[str, tuple[Path, ...]]:
    """Return the files of each split in a folder of judgements; pieces of one are together."""
    files: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*")):
        if path.is_file() and is_qrels(path):
            files.setdefault(PIECE.sub("", path.name.split(".")[0]), []).append(path)
    for paths in files.values():
        check_whole(paths, str(folder))
    return {name: tuple(paths) for name, paths in files.items()}

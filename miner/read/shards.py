"""A folder of files that are one table cut into pieces, as the hub stores data sets. Imports its neighbours only."""

from __future__ import annotations

import re
from pathlib import Path

from miner.errors import InputError
from miner.io.input_files import PACKED
from miner.read.hub import SAVED

KINDS = (".jsonl", ".ndjson", ".parquet", ".csv", ".tsv")
NUMBER = re.compile(r"[-_.]?(\d+)(-of-(\d+))?$")
"""What the names of pieces end in."""


def shards(given: str) -> list[str]:
    """The files of such a folder in the order of their names; anything else is one file. InputError where they are no single table."""
    folder = Path(given)
    if given.startswith("hf:") or not folder.is_dir() or any((folder / name).exists() for name in SAVED):
        return [given]
    files = sorted(path for path in folder.iterdir() if path.is_file() and _kind(path) in KINDS and not path.name.startswith("."))
    if not files:
        return [given]
    tables = {(NUMBER.sub("", _stem(path)), _kind(path)): path.name for path in files}
    if len(tables) > 1:
        raise InputError(f"{given} holds more than one table ({', '.join(tables.values())}): name the files that are meant")
    _check_whole(files, given)
    return [str(path) for path in files]


def _check_whole(files: list[Path], given: str) -> None:
    """InputError where a name says of how many pieces it is one, and others are missing."""
    found = [match for path in files if (match := NUMBER.search(_stem(path))) and match[3]]
    total = max((int(match[3]) for match in found), default=0)
    if found and len(found) != total:
        raise InputError(f"{given} holds {len(found)} of {total} pieces of {_stem(files[0])}")


def _stem(path: Path) -> str:
    return _unpacked(path).stem


def _kind(path: Path) -> str:
    return _unpacked(path).suffix.lower()


def _unpacked(path: Path) -> Path:
    return path.with_suffix("") if path.suffix.lower() in PACKED else path

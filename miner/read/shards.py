"""A folder of files that are one table in pieces, as the hub stores datasets. Imports its neighbours only."""

from __future__ import annotations

import re
from glob import glob
from pathlib import Path

from miner.errors import InputError
from miner.io.file_kinds import COMPRESSIONS
from miner.read.hub import SAVED_FILES

MAGIC = re.compile(r"[*?[]")
KINDS = (".jsonl", ".ndjson", ".parquet", ".csv", ".tsv")
PIECE_NUMBER = re.compile(r"[-_.]?(\d+)(-of-(\d+))?$")
"""The number at the end of the name of a piece."""
SPARK_NUMBER = re.compile(r"^part-\d{5}(?=-)")
"""The number in Spark's names of pieces: part-00000-UUID-c000.snappy.parquet."""


def shards(location: str) -> list[str]:
    """Return the files of such a folder in the order of their names; any other location by itself. Raises InputError for several tables."""
    folder = Path(location)
    if location.startswith("hf:") or not folder.is_dir() or any((folder / name).exists() for name in SAVED_FILES):
        return [location]
    files = sorted(path for path in folder.iterdir() if _is_piece(path))
    if not files:
        return _shards_below(folder)
    tables = {(PIECE_NUMBER.sub("", SPARK_NUMBER.sub("part", _stem(path))), _kind(path)): path.name for path in files}
    if len(tables) > 1:
        raise InputError(
            f"{location} holds more than one table ({', '.join(tables.values())}): name the files that are meant, as '{_pattern(files[0])}'"
        )
    check_whole(files, location)
    return [str(path) for path in files]


def matches(name: str) -> list[str]:
    """Return the files that match a pattern (`corpus/*.parquet`) in the order of their names; the name of a file or a folder by itself."""
    if name.startswith("hf:") or not MAGIC.search(name) or Path(name).exists():
        return [name]
    names = sorted(glob(name, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
    if not names:
        raise InputError(f"no file matches {name}")
    return names


def _shards_below(folder: Path) -> list[str]:
    """Return the pieces in the one sub-folder that holds any, such as `data/`; the folder by itself where none does."""
    below = sorted(
        {path.parent for path in folder.glob("*/*") if path.is_file() and _kind(path) in KINDS and not path.name.startswith(".")}
    )
    if len(below) > 1:
        raise InputError(
            f"{folder} holds tables in several sub-folders ({', '.join(path.name for path in below)}): name one, as {below[0]}"
        )
    return shards(str(below[0])) if below else [str(folder)]


def _pattern(path: Path) -> str:
    return str(path.with_name(f"{PIECE_NUMBER.sub('', _stem(path))}*{''.join(path.suffixes)}"))


def check_whole(files: list[Path], location: str) -> None:
    """Raise InputError where the names state the number of pieces, and some are missing."""
    matches = [match for path in files if (match := PIECE_NUMBER.search(_stem(path))) and match[3]]
    total = max((int(match[3]) for match in matches), default=0)
    if matches and len(matches) != total:
        raise InputError(f"{location} holds {len(matches)} of {total} pieces of {_stem(files[0])}")


def _is_piece(path: Path) -> bool:
    return path.is_file() and _kind(path) in KINDS and not path.name.startswith(".")


def _stem(path: Path) -> str:
    return _without_compression(path).stem


def _kind(path: Path) -> str:
    return _without_compression(path).suffix.lower()


def _without_compression(path: Path) -> Path:
    return path.with_suffix("") if path.suffix.lower() in COMPRESSIONS else path

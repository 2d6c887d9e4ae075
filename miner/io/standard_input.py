"""Standard input as a file: it is copied once into a temporary file, whose suffix says what its first bytes are."""

from __future__ import annotations

import atexit
import shutil
from functools import cache
from pathlib import Path

from miner.io.atomic import storing
from miner.io.file_kinds import is_parquet, suffix_of_compression
from miner.io.folder_tree import rename
from miner.io.pipe import open_standard_input
from miner.io.plain_files import create_file, open_bytes
from miner.io.scratch import make_scratch, remove_scratch

STANDARD_INPUT = "-"
START_BYTES = 1 << 12


@cache
def standard_input() -> Path:
    """Return the file that holds standard input, which can be read only once; it is removed when Python exits."""
    folder = make_scratch()
    atexit.register(remove_scratch, folder)
    path = folder / "input"
    with storing("standard input", "read"), open_standard_input() as source, create_file(path) as target:
        shutil.copyfileobj(source, target)
    with open_bytes(path) as file:
        start = file.read(START_BYTES)
    if is_parquet(start):
        return _renamed(path, ".parquet")
    compressed = _renamed(path, suffix_of_compression(start))
    from miner.io.input_files import read_start

    return _renamed(compressed, kind_of_text(read_start(str(compressed))) + compressed.suffix)


def kind_of_text(start: bytes) -> str:
    """Return the suffix of a text by its first bytes: JSON lines or a JSON list, else TSV or CSV by the header."""
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:1] in (b"{", b"["):
        return ".jsonl"
    return ".tsv" if b"\t" in text.partition(b"\n")[0] else ".csv"


def _renamed(path: Path, suffix: str) -> Path:
    target = path.with_name(f"input{suffix}")
    rename(path, target)
    return target

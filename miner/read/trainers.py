"""A folder in a training format (ColBERT's, PyLate's, Tevatron's …), read by the reader of that format as rows of pairs.

Imports the formats, types, errors and its neighbours.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from miner.errors import HardnegError, InputError
from miner.formats import read_training, recognise
from miner.io.input_files import InputHashes, hash_file
from miner.io.plain_files import read_json
from miner.read.file_rows import RowStream
from miner.read.hub import SAVED_FILES
from miner.read.lines import Row
from miner.read.rejects import Origin

BEIR = "beir"


def open_folder(location: str, inputs: InputHashes) -> RowStream | None:
    """Open the rows of such a folder; None for any other location. Raises InputError for a run folder or a BEIR folder."""
    folder = Path(location)
    if not folder.is_dir() or any((folder / name).exists() for name in SAVED_FILES):
        return None
    if (folder / "manifest.json").exists():
        raise InputError(f"{location} is a run folder: name the training file in it{_training_file(folder)}")
    try:
        name = recognise(folder)
    except HardnegError:
        return None
    if name == BEIR:
        raise InputError(f"{location} is a BEIR folder: give it with --data")
    inputs |= {str(path): hash_file(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    return RowStream(Origin(location, "{}: row {}"), _rows(location, name), partial(_rows, location, name))


def _training_file(folder: Path) -> str:
    """Return `, FILE` of a run folder, by its manifest; nothing where that does not say."""
    try:
        file = folder / read_json(folder / "manifest.json")["training_file"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return f", {os.path.normpath(file)}"


def _rows(location: str, name: str) -> Iterator[tuple[int, Row]]:
    """Yield one row for each row of the format, with its passages split into positives and negatives."""
    for number, row in enumerate(read_training(location, name), 1):
        pair: Row = {"query": row.query} | ({} if row.query_id is None else {"query_id": row.query_id})
        for label, side in ((1, "positive"), (0, "negative")):
            positions = [position for position, row_label in enumerate(row.labels) if row_label == label]
            pair |= {f"{side}s": [row.passages[position] for position in positions]}
            pair |= {f"{side}_ids": [row.ids[position] for position in positions]} if row.ids else {}
        yield number, {**row.extra, **pair}

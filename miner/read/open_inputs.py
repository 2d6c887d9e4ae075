"""`read`: one function for every kind of input; the settings decide which reader runs.

It accepts any object with the attributes of `InputSettings`, so this module need not import the config.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from miner.errors import InputError
from miner.read.beir_folder import existing_files, read_beir, read_files
from miner.read.pair_rows import read_pairs
from miner.read.rejects import OnError
from miner.types import Dataset, columns_line, unread_judgements

log = logging.getLogger(__name__)


class InputSettings(Protocol):
    """The input files and how to read them."""

    @property
    def data(self) -> str | None: ...  # noqa: D102
    @property
    def split(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def leave_out(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def corpus(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def queries(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def qrels(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def pairs(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def fields(self) -> Mapping[str, str]: ...  # noqa: D102
    @property
    def on_error(self) -> OnError: ...  # noqa: D102


def read(inputs: InputSettings, into: Path | None = None, min_grade: int = 1, *, complete: bool = False) -> Dataset:
    """Read a BEIR folder, three files, or pairs, and log what each column was read as.

    into: folder for the Arrow files; None for a temporary one.
    min_grade: smallest grade that is relevant; a pair without a grade is relevant.
    complete: for an evaluation. Every judged query stays, with or without a positive, and judgements of missing texts are in `qrels.lost`.
    """
    dataset = _read(inputs, into, min_grade, complete)
    log.info("read: %s", columns_line(dataset.columns))
    for sentence in unread_judgements(dataset.columns):
        log.info("%s", sentence)
    return dataset


def missing_inputs(inputs: InputSettings) -> str:
    """What is said of the first file or folder that does not exist; empty where all do."""
    if inputs.data and not Path(inputs.data).is_dir():
        return f"there is no folder {inputs.data}"
    try:
        for role in ("pairs", "corpus", "queries", "qrels"):
            existing_files(getattr(inputs, role), role)
    except InputError as error:
        return error.with_flags
    return ""


def _read(inputs: InputSettings, into: Path | None, min_grade: int, complete: bool) -> Dataset:
    options: dict[str, Any] = {"fields": inputs.fields, "on_error": inputs.on_error, "min_grade": min_grade, "complete": complete}
    if inputs.pairs:
        return read_pairs(inputs.pairs, inputs.corpus, into, **options)
    if inputs.data:
        return read_beir(inputs.data, into, split=inputs.split, leave_out=inputs.leave_out, **options)
    if inputs.corpus and inputs.queries and inputs.qrels:
        return read_files(inputs.corpus, inputs.queries, inputs.qrels, into, **options)
    raise InputError("nothing to read: give a BEIR folder, or corpus, queries and qrels, or pairs")

"""Verdicts in files: JSONL, JSON or Parquet of the user's, and the file that a run keeps."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from miner.core.verdicts import Verdict, VerdictTable, last_words, verdict_of
from miner.errors import InputError
from miner.formats.row_readers import rows_with_places
from miner.io.row_files import write_bytes
from miner.types import Dataset

log = logging.getLogger(__name__)

NAME = "verdicts"
FILE = "verdicts.jsonl"
"""In a run folder: all that was said, one line a pair, in the order of ids. The same verdicts are the same bytes."""


def read_verdicts(paths: Iterable[str | Path]) -> list[Verdict]:
    """The last word about each pair, in the order of ids. Several files are read one after the other.

    JSONL, JSON, Parquet …, as any rows; other columns are left alone. InputError names file and line.
    """
    paths = list(paths)
    for path in paths:
        if str(path) != "-" and not Path(path).exists():
            raise InputError(f"there is no file {path}, which was to hold verdicts")
    return last_words(verdict_of(row.values, row.where) for path in paths for row in rows_with_places(path))


def keep_verdicts(folder: Path, dataset: Dataset, verdicts: Sequence[Verdict]) -> None:
    """Write the file of a run. InputError when none of them is about the run; those that are not are kept and counted."""
    unknown = VerdictTable(dataset, verdicts).counts["unknown"]
    if unknown and unknown == len(verdicts):
        first = verdicts[0]
        raise InputError(f"no verdict is about these data: there is no query '{first.query_id}' or no passage '{first.passage_id}'")
    if unknown:
        log.warning("%d of %d verdicts name a query or a passage that is not in these data", unknown, len(verdicts))
    write_bytes(folder / FILE, b"".join(verdict.line() for verdict in verdicts))


def stored_verdicts(folder: Path, dataset: Dataset) -> dict[str, VerdictTable]:
    """{"verdicts": what was said}, if the run in `folder` has heard any, else nothing."""
    return {NAME: VerdictTable(dataset, read_verdicts([folder / FILE]))} if (folder / FILE).exists() else {}

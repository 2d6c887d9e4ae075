"""Files of verdicts: those of the user (JSONL, JSON or Parquet), and the file in a run folder."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from miner.config import MiningConfig
from miner.core.verdicts import Verdict, VerdictTable, latest_verdicts, verdict_of
from miner.errors import ConfigError, InputError
from miner.formats.row_readers import rows_with_places
from miner.io.row_writer import write_bytes
from miner.types import Dataset

log = logging.getLogger(__name__)

NAME = "verdicts"
FILE = "verdicts.jsonl"
"""The file in a run folder: one line per pair, in the order of ids. Equal verdicts have equal bytes."""


def read_verdicts(paths: Iterable[str | Path]) -> list[Verdict]:
    """The last verdict of each pair, in the order of ids; files are read in the order of `paths`.

    JSONL, JSON or Parquet; other columns are ignored. InputError names file and line.
    """
    paths = list(paths)
    for path in paths:
        if str(path) != "-" and not Path(path).exists():
            raise InputError(f"there is no file {path}, which was to hold verdicts")
    return latest_verdicts(verdict_of(row.values, row.where) for path in paths for row in rows_with_places(path))


def write_verdicts(folder: Path, dataset: Dataset, verdicts: Sequence[Verdict]) -> None:
    """Write the file of a run, also verdicts of unknown pairs, which are counted in a warning. InputError where all pairs are unknown."""
    unknown = VerdictTable(dataset, verdicts).counts["unknown"]
    if unknown and unknown == len(verdicts):
        first = verdicts[0]
        raise InputError(f"no verdict is about these data: there is no query '{first.query_id}' or no passage '{first.passage_id}'")
    if unknown:
        log.warning("%d of %d verdicts name a query or a passage that is not in these data", unknown, len(verdicts))
    write_bytes(folder / FILE, b"".join(verdict.line() for verdict in verdicts))


def load_verdicts(folder: Path, dataset: Dataset) -> dict[str, VerdictTable]:
    """{"verdicts": the table} where the run in `folder` has verdicts, else an empty dict."""
    return {NAME: VerdictTable(dataset, read_verdicts([folder / FILE]))} if (folder / FILE).exists() else {}


def with_verdict_filter(config: MiningConfig, has_verdicts: bool) -> MiningConfig:
    """Add the filter `verdict` if there are verdicts. ConfigError if it needs verdicts and there are none."""
    if has_verdicts and not any(spec.partition(":")[0] == "verdict" for spec in config.filters):
        return config.with_filters("verdict")
    for name, is_needed in (
        ("filter 'verdict'", "verdict" in config.active_filters),
        ("false_negatives", config.false_negatives == "adopt"),
    ):
        if is_needed and not has_verdicts:
            raise ConfigError(f"{name} needs verdicts, and there are none: add a file of verdicts with --verdicts")
    return config

"""File kinds by name: the suffixes that are written and read."""

from __future__ import annotations

from pathlib import Path

from miner.errors import ConfigError

KINDS = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".json", ".parquet")
"""Kinds of output files. `.json` is one list of rows."""

FOLDER_KINDS = (".tsv", ".trec")
"""Further kinds inside folders of several files: cells separated by tabs, or by blanks."""

READ_KINDS = (*KINDS, ".csv", ".tsv")
"""Kinds of training files that are read."""


def kind_read(path: str | Path) -> str:
    """Return the kind of a file to read: that of `kind_of`, one of FOLDER_KINDS, or ".csv". Raises ConfigError for another name."""
    suffix = Path(path).suffix
    if suffix in (*FOLDER_KINDS, ".csv"):
        return suffix
    try:
        return kind_of(path)
    except ConfigError:
        advice = f"a training file ends in {', '.join(READ_KINDS)}, or is a folder that `datasets` saved"
        raise ConfigError(f"'{path}' is not read: {advice}") from None


def kind_of(path: str | Path) -> str:
    """Return one of KINDS, "-" for standard output, or "folder" (also for an existing folder). Raises ConfigError for another name."""
    name = str(path)
    if name == "-":
        return "-"
    for kind in KINDS:
        if name.endswith(kind):
            return kind
    if name and (name.endswith("/") or not Path(name).suffix or Path(name).is_dir()):
        return "folder"
    raise ConfigError(
        f"the name '{name}' has no known suffix: use {', '.join(KINDS)}; a folder, which has no suffix or a slash at its end ('{name}/'); "
        "or -"
    )

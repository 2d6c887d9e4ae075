"""What a name says about a file: the suffixes we write and read."""

from __future__ import annotations

from pathlib import Path

from miner.errors import ConfigError

KINDS = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".json", ".parquet")
"""What a user may name. `.json` is one list of rows."""

INSIDE = (".tsv", ".trec")
"""What folders of several files also hold: cells between tabs, or between blanks."""

READ = (*KINDS, ".csv", ".tsv")
"""Training files that are read, whoever wrote them."""


def kind_read(path: str | Path) -> str:
    """How a file is read: as `kind_of` says, or one of INSIDE, or ".csv"; ConfigError for a name we do not read."""
    suffix = Path(path).suffix
    if suffix in (*INSIDE, ".csv"):
        return suffix
    try:
        return kind_of(path)
    except ConfigError:
        wanted = f"a training file ends in {', '.join(READ)}, or is a folder that `datasets` saved"
        raise ConfigError(f"'{path}' is not read: {wanted}") from None


def kind_of(path: str | Path) -> str:
    """One of KINDS, "-" for standard output, or "folder" (also what is one already); ConfigError for a name we do not write."""
    name = str(path)
    if name == "-":
        return "-"
    for kind in KINDS:
        if name.endswith(kind):
            return kind
    if name and (name.endswith("/") or not Path(name).suffix or Path(name).is_dir()):
        return "folder"
    raise ConfigError(
        f"cannot tell what to write from the name '{name}': {', '.join(KINDS)}; a folder, which has no suffix or a slash at its end "
        f"('{name}/'); or -"
    )

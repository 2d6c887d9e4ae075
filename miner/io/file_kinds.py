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

TEXT_KINDS = (".jsonl", ".ndjson", ".json", ".csv", *FOLDER_KINDS)
"""Kinds of text files that are read, each also compressed."""

COMPRESSIONS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2", ".xz": "xz"}
"""Compressions that are read, by the suffix of the name."""


def kind_read(path: str | Path) -> str:
    """Return the kind of a file to read, whatever compressed it: one of TEXT_KINDS, ".parquet", "folder" or "-".

    Raises ConfigError for another name.
    """
    name = Path(path)
    stem = name.with_suffix("") if name.suffix.lower() in COMPRESSIONS else name
    if (suffix := stem.suffix.lower()) in TEXT_KINDS and not name.is_dir():
        return suffix
    if suffix == ".parquet" and stem == name:
        return suffix
    try:
        return output_kind(path)
    except ConfigError:
        known = f"a training file ends in {', '.join(READ_KINDS)}, or is a folder that `datasets` saved"
        raise ConfigError(f"'{path}' is not read: {known}{f'; {advice_for(suffix)}' if advice_for(suffix) else ''}") from None


def output_kind(path: str | Path) -> str:
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


MAGIC = {
    b"PK\x03\x04": "a zip archive (.zip, .xlsx); unpack it, or save the sheet as CSV",
    b"PAR1": "Parquet; call it .parquet",
    b"\x1f\x8b": "compressed by gzip; add .gz to its name",
    b"\x28\xb5\x2f\xfd": "compressed by zstd; add .zst to its name",
    b"BZh": "compressed by bzip2; add .bz2 to its name",
    b"\xfd7zXZ\x00": "compressed by xz; add .xz to its name",
    b"ARROW1": "an Arrow file; write it as Parquet, as with datasets.Dataset.from_file(NAME).to_parquet(...)",
    b"SQLite format 3": "a database; export its table as CSV",
}
"""What a file is that begins with such bytes, and what to do."""


def binary_fault(start: bytes) -> str | None:
    """Return what is wrong with a file that begins so, where it should be text; None where it may be."""
    if what := next((what for magic, what in MAGIC.items() if start.startswith(magic)), None):
        return f"the file is {what}"
    if start[1::2].count(0) > len(start) // 4 or start[::2].count(0) > len(start) // 4:
        return "the file has a NUL in every second byte: UTF-16 without a byte order mark; save it as UTF-8 (in Excel: 'CSV UTF-8')"
    return None


COMPRESSION_MAGIC = {b"\x1f\x8b": ".gz", b"\x28\xb5\x2f\xfd": ".zst", b"BZh": ".bz2", b"\xfd7zXZ\x00": ".xz"}


def suffix_of_compression(start: bytes) -> str:
    """Return the suffix of the compression that the first bytes show; empty for none."""
    return next((suffix for magic, suffix in COMPRESSION_MAGIC.items() if start.startswith(magic)), "")


def is_parquet(start: bytes) -> bool:
    """Return whether a file that begins so is Parquet."""
    return start.startswith(b"PAR1")


ADVICE = {
    ".zip": "unpack it: `unzip NAME`",
    ".tar": "unpack it: `tar -xf NAME`",
    ".tgz": "unpack it: `tar -xf NAME`",
    ".7z": "unpack it: `7z x NAME`",
    ".rar": "unpack it: `unrar x NAME`",
    ".lz4": "unpack it: `lz4 -d NAME`",
    ".xlsx": "save the sheet as 'CSV UTF-8'",
    ".xls": "save the sheet as 'CSV UTF-8'",
    ".ods": "save the sheet as CSV",
    ".pkl": "a pickle runs code when it is opened, and is never read: write it with `df.to_parquet`",
    ".pickle": "a pickle runs code when it is opened, and is never read: write it with `df.to_parquet`",
    ".arrow": "write it as Parquet: `datasets.Dataset.from_file(NAME).to_parquet(...)`",
    ".feather": "write it as Parquet: `pandas.read_feather(NAME).to_parquet(...)`",
    ".orc": "write it as Parquet: `pandas.read_orc(NAME).to_parquet(...)`",
    ".txt": "name it .csv, .tsv or .jsonl after what is in it",
    ".dat": "name it .csv, .tsv or .jsonl after what is in it",
    "": "give it the suffix of what is in it: .jsonl, .csv or .tsv",
}
"""What to do with a file of a kind that is not read."""


def advice_for(suffix: str) -> str:
    """Return what to do with a file of a kind that is not read; empty where there is nothing to say."""
    return ADVICE.get(suffix.lower(), "")

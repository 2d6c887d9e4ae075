"""The records of scratch folders, so that any run of the same user finds the leftovers of a killed one on another disk.

    CACHE/scratch/HASH.json     {"path": "/data/.run.part"}: one file for each folder outside the temporary folder

A record is only a pointer: the lock in the folder decides whether it may be removed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

RECORDS = "scratch"


def default_cache(environ: Mapping[str, str] = os.environ) -> Path:
    """HARDNEG_CACHE, else XDG_CACHE_HOME/hardneg, else ~/.cache/hardneg."""
    if folder := environ.get("HARDNEG_CACHE"):
        return Path(folder)
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hardneg"


def record(folder: Path) -> None:
    """Record a folder. An unwritable cache is ignored."""
    with suppress(OSError, RuntimeError):
        file = _file(folder)
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(f".{os.getpid()}.half")
        partial.write_text(json.dumps({"path": os.path.realpath(folder)}), encoding="utf-8")
        partial.replace(file)


def forget(folder: Path) -> None:
    """Remove the record of a folder."""
    with suppress(OSError, RuntimeError):
        _file(folder).unlink(missing_ok=True)


def recorded_folders() -> Iterator[Path]:
    """Yield every recorded folder; remove the record of a missing one, unless its disk may be unmounted."""
    with suppress(OSError, RuntimeError):
        for file in sorted((default_cache() / RECORDS).glob("*.json")):
            with suppress(OSError, ValueError, KeyError, TypeError):
                path = Path(json.loads(file.read_text(encoding="utf-8"))["path"])
                if path.exists():
                    yield path
                elif path.parent.exists():
                    file.unlink(missing_ok=True)


def _file(folder: Path) -> Path:
    name = hashlib.sha256(os.fsencode(os.path.realpath(folder))).hexdigest()[:16]
    return default_cache() / RECORDS / f"{name}.json"

"""Where scratch folders are listed, so that any run of the same user finds what a killed one left on another disk.

    CACHE/scratch/HASH.json     {"path": "/data/.run.part"}: one file for each folder outside the temporary folder

A record is only a pointer: whether a folder may be removed is told by the lock in it.
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
    if chosen := environ.get("HARDNEG_CACHE"):
        return Path(chosen)
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hardneg"


def record(folder: Path) -> None:
    """List a folder. A cache that cannot be written stops no run."""
    with suppress(OSError, RuntimeError):
        file = _file(folder)
        file.parent.mkdir(parents=True, exist_ok=True)
        half = file.with_suffix(f".{os.getpid()}.half")
        half.write_text(json.dumps({"path": os.path.realpath(folder)}), encoding="utf-8")
        half.replace(file)


def forget(folder: Path) -> None:
    """Take a folder off the list."""
    with suppress(OSError, RuntimeError):
        _file(folder).unlink(missing_ok=True)


def recorded() -> Iterator[Path]:
    """Every folder on the list; one that is gone is taken off, unless its disk may be away."""
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

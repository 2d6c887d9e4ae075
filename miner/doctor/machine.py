"""The machine: processor, memory, disks, and the limits of this process, from the files of the system.

`environment.py` decides what is too little.
"""

from __future__ import annotations

import os
import platform
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TypedDict

from miner.support.parallel import processors

LEVELS = {"avx512": {"avx512f", "avx512bw", "avx512dq", "avx512vl"}, "avx2": {"avx2", "fma"}, "avx": {"avx"}}
UNLIMITED_BYTES = 2**60
"""In cgroups v1 a limit above this number means no limit."""


class Processor(TypedDict):
    """vectors: the best vector instructions; usable: cores of this process; quota: cores' worth of time in its cgroup."""

    name: str
    vectors: str | None
    cores: int | None
    usable: int
    quota: float | None


class Memory(TypedDict):
    """Bytes of the machine; limit: of this process's cgroup, None where there is none."""

    total: int | None
    available: int | None
    limit: int | None


class Disk(TypedDict):
    """Bytes of the disk of a folder, and whether the folder can be written."""

    path: str
    free: int
    total: int
    writable: bool


def processor(root: Path = Path("/")) -> Processor:
    """Return the name, the best vector instructions (avx512, avx2, avx), cores of the machine and of this process, and its quota."""
    lines = _read(root / "proc/cpuinfo").splitlines()
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in reversed(lines))}
    flags = set(fields.get("flags", "").split())
    return {
        "name": fields.get("model name", platform.processor() or platform.machine()),
        "vectors": next((level for level, needed in LEVELS.items() if needed <= flags), None),
        "cores": os.cpu_count(),
        "usable": processors(),
        "quota": _quota(root),
    }


def memory(root: Path = Path("/")) -> Memory:
    """Return the bytes of the machine, those available, and the limit of this process's cgroup."""
    rows = (line.split() for line in _read(root / "proc/meminfo").splitlines())
    sizes = {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows if len(row) > 1}
    limits = [_number(text) for text in (_of_group(root, "", "memory.max"), _of_group(root, "memory", "memory.limit_in_bytes"))]
    limit = min((value for value in limits if value is not None and value < UNLIMITED_BYTES), default=None)
    return {"total": sizes.get("MemTotal"), "available": sizes.get("MemAvailable"), "limit": limit}


def disk(folder: Path) -> Disk:
    """Return the free and total bytes of the disk of `folder`, which need not exist yet, and whether it can be written."""
    nearest = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    usage = shutil.disk_usage(nearest)
    return {
        "path": str(folder),
        "free": usage.free,
        "total": usage.total,
        "writable": nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK),
    }


def _quota(root: Path) -> float | None:
    """Return the number of cores whose time the cgroup allows; None where there is no limit."""
    values = _of_group(root, "", "cpu.max").split()
    if len(values) != 2:
        values = [_of_group(root, "cpu", f"cpu.cfs_{name}_us").strip() for name in ("quota", "period")]
    quota, period = (_number(text) for text in values)
    return quota / period if quota and period and quota > 0 else None


def _of_group(root: Path, controller: str, name: str) -> str:
    """Read a file of this process's cgroup, or of its nearest parent with that file. controller: "" for cgroups v2."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, group_path = line.split(":", 2)
        if controller in controllers.split(","):
            top = root / "sys/fs/cgroup" / controller
            for folder in (path := top / group_path.strip("/"), *path.parents):
                if text := _read(folder / name):
                    return text
                if folder == top:
                    break
    return ""


def _number(text: str) -> int | None:
    """Parse a number; None for `max` and for an empty text."""
    with suppress(ValueError):
        return int(text)
    return None


def _read(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace")
    return ""

"""What this machine is: processor, memory, disks, and the limits that this process lives under. Reads the system's own files.

Owns no judgement: `doctor.py` says what is too little.
"""

from __future__ import annotations

import os
import platform
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from miner.support.parallel import processors

Told = dict[str, Any]

LEVELS = {"avx512": {"avx512f", "avx512bw", "avx512dq", "avx512vl"}, "avx2": {"avx2", "fma"}, "avx": {"avx"}}
UNLIMITED = 2**60
"""What the first kind of cgroups writes where there is no limit is a number above this."""


def processor(root: Path = Path("/")) -> Told:
    """Name, vector instructions (the best of avx512, avx2, avx), cores of the machine, of this process, and the quota of its cgroup."""
    lines = _read(root / "proc/cpuinfo").splitlines()
    named = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in reversed(lines))}
    flags = set(named.get("flags", "").split())
    return {
        "name": named.get("model name", platform.processor() or platform.machine()),
        "vectors": next((level for level, needed in LEVELS.items() if needed <= flags), None),
        "cores": os.cpu_count(),
        "usable": processors(),
        "quota": _quota(root),
    }


def memory(root: Path = Path("/")) -> Told:
    """Bytes: of the machine, free for more, and the limit of this process's cgroup, None where there is none."""
    rows = (line.split() for line in _read(root / "proc/meminfo").splitlines())
    known = {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows if len(row) > 1}
    limits = [_number(text) for text in (_of_group(root, "", "memory.max"), _of_group(root, "memory", "memory.limit_in_bytes"))]
    limit = min((each for each in limits if each is not None and each < UNLIMITED), default=None)
    return {"total": known.get("MemTotal"), "available": known.get("MemAvailable"), "limit": limit}


def disk(folder: Path) -> Told:
    """Bytes free and in all where `folder` lies or would lie, and whether it may be written there."""
    nearest = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    usage = shutil.disk_usage(nearest)
    return {
        "path": str(folder),
        "free": usage.free,
        "total": usage.total,
        "writable": nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK),
    }


def _quota(root: Path) -> float | None:
    """Cores' worth of time that the cgroup grants; None where there is no limit."""
    told = _of_group(root, "", "cpu.max").split()
    if len(told) != 2:
        told = [_of_group(root, "cpu", f"cpu.cfs_{name}_us").strip() for name in ("quota", "period")]
    quota, period = (_number(text) for text in told)
    return quota / period if quota and period and quota > 0 else None


def _of_group(root: Path, controller: str, name: str) -> str:
    """A file of this process's cgroup: the second kind ("" as controller) or the first; the nearest folder above that has it."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            top = root / "sys/fs/cgroup" / controller
            for folder in (place := top / path.strip("/"), *place.parents):
                if text := _read(folder / name):
                    return text
                if folder == top:
                    break
    return ""


def _number(text: str) -> int | None:
    """None for `max`, or for nothing."""
    with suppress(ValueError):
        return int(text)
    return None


def _read(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace")
    return ""

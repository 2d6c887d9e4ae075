"""Is this machine fit: versions, kernels, threads, memory, disks, the store, extras, and a tiny run that must come out right.

Findings are `problems`, which something will fail on, and `advice`.
"""

from __future__ import annotations

import importlib.metadata
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from miner.doctor import machine
from miner.doctor.selfcheck import selfcheck
from miner.encode.store import stores
from miner.errors import HardnegError
from miner.indexes.blas import VARIABLE, tuned_faiss
from miner.io.scratch import is_held, leftovers
from miner.runs.manifest import versions
from miner.runs.run import Run
from miner.runs.run_folder import REPLACED_SUFFIX, restore

LEAST_DISK, LEAST_MEMORY = 1_000_000_000, 1_000_000_000
"""Bytes below which a run of any use is unlikely to end well."""

SLOW = {"Prescott", "Core2", "Nehalem", "Generic"}
"""Kernels of OpenBLAS without AVX."""

FOR_DEVELOPERS = "dev"

Told = dict[str, Any]


def doctor(cache: Path, out: Path, data: Path | None = None, *, check: bool = True) -> Told:
    """Everything, JSON-safe.

    cache: the store's folder. out: where runs are written. data: a run, a folder of runs, or a service's data.
    """
    told: Told = {
        "versions": versions(),
        "processor": machine.processor(),
        "memory": machine.memory(),
        "disks": {"store": machine.disk(cache), "out": machine.disk(out)},
        "store": _store(cache),
        "libraries": _libraries(),
        "requirements": [*_unmet("")],
        "extras": {extra: [*_unmet(extra)] for extra in _extras()},
    }
    if data is not None:
        told["data"] = state(data)
    left = leftovers([cache, out, *_service(data)])
    told["scratch"] = [{**asdict(each), "path": str(each.path), "advice": each.advice} for each in left]
    if check:
        told["check"] = selfcheck()._asdict()
    return told | {"problems": [*_problems(told)], "advice": [*_advice(told)]}


def _service(data: Path | None) -> list[Path]:
    """The folders of a service's data in which something may be in the making."""
    return [] if data is None else [data, data / "incoming", *sorted(data.glob("jobs/*")), *sorted(data.glob("corpora/*"))]


def state(folder: Path) -> Told:
    """What lies in a folder: whether runs and databases in it are whole, and what was interrupted there.

    Runs that a killed process was replacing, and that nothing took the place of, are restored; nothing else is changed.
    """
    if not folder.is_dir():
        return {"path": str(folder), "faults": [f"{folder} is no folder"], "restored": [], "interrupted": []}
    faults: list[str] = []
    restored = [str(final) for final in _replaced(folder) if restore(final)]
    runs = [path.parent for path in sorted([*folder.glob("manifest.json"), *folder.glob("*/manifest.json")])]
    for run in runs:
        with suppress(OSError):
            try:
                faults += [f"{run}: {difference}" for difference in Run(run).differences()]
            except HardnegError as error:
                faults.append(str(error))
    databases = sorted(folder.glob("*.sqlite*")) + sorted(folder.glob("*.db"))
    databases = [path for path in databases if not path.name.endswith(("-wal", "-shm"))]
    faults += [fault for path in databases for fault in _database(path)]
    left = [str(path) for path in sorted(folder.glob(".*.part")) if not is_held(path)]
    counts = {"runs": len(runs), "databases": len(databases)}
    return {"path": str(folder), **counts, "faults": faults, "restored": restored, "interrupted": left}


def _replaced(folder: Path) -> list[Path]:
    """Where the runs lay that wait under a hidden name for the end of what replaces them."""
    return [old.with_name(old.name[1:].removesuffix(REPLACED_SUFFIX)) for old in sorted(folder.glob(f".*{REPLACED_SUFFIX}"))]


def _database(path: Path) -> Iterator[str]:
    """What is broken in an SQLite file, read without changing it."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=1.0)) as connection:
            told = [str(row[0]) for row in connection.execute("PRAGMA quick_check(5)")]
    except sqlite3.Error as error:
        told = [str(error)]
    yield from (f"{path}: {each}" for each in told if each != "ok")


def _store(cache: Path) -> Told:
    found = [*stores(cache)] if cache.is_dir() else []
    return {
        "path": str(cache),
        "models": len(found),
        "texts": sum(each["texts"] for each in found),
        "bytes": sum(each["bytes"] for each in found),
    }


def _libraries() -> Told:
    """Kernels and threads of what computes, and the accelerator."""
    import torch
    from threadpoolctl import threadpool_info

    faiss = tuned_faiss(1)

    kernels = {
        Path(each["filepath"]).parent.name.partition(".")[0]: each["architecture"] for each in threadpool_info() if each.get("architecture")
    }
    level = faiss.SIMDConfig.get_level_name() if hasattr(faiss, "SIMDConfig") else None
    return {
        "kernels": kernels,
        VARIABLE: os.environ.get(VARIABLE),
        "faiss": {"vectors": level, "threads": faiss.omp_get_max_threads()},
        "torch": {
            "threads": torch.get_num_threads(),
            "vectors": torch.backends.cpu.get_cpu_capability(),
            "cuda": torch.cuda.is_available(),
        },
        "numpy": {"threads": max((each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"), default=None)},
    }


def _unmet(extra: str) -> Iterator[str]:
    """Requirements of ours, of one extra or of none, that what is installed does not meet."""
    from packaging.requirements import Requirement

    for text in importlib.metadata.requires("hardneg") or ():
        wanted = Requirement(text)
        own = wanted.marker is None if not extra else wanted.marker is not None and wanted.marker.evaluate({"extra": extra})
        if not own:
            continue
        try:
            if not wanted.specifier.contains(importlib.metadata.version(wanted.name), prereleases=True):
                yield f"{wanted.name} is {importlib.metadata.version(wanted.name)}, and {wanted.specifier} is wanted"
        except importlib.metadata.PackageNotFoundError:
            yield f"{wanted.name} is not installed"


def _extras() -> list[str]:
    known = importlib.metadata.metadata("hardneg").get_all("Provides-Extra") or []
    return sorted(str(extra) for extra in known if extra != FOR_DEVELOPERS)


def _problems(told: Told) -> Iterator[str]:
    yield from (f"{fault}: pip install -U hardneg" for fault in told["requirements"])
    for name, disk in told["disks"].items():
        if not disk["writable"]:
            yield f"{disk['path']} ({name}) cannot be written: choose another folder"
        elif disk["free"] < LEAST_DISK:
            yield f"{disk['path']} ({name}) has {disk['free'] / 1e6:,.0f} MB free: a run wants more"
    room = min((value for value in (told["memory"]["available"], told["memory"]["limit"]) if value is not None), default=LEAST_MEMORY)
    if room < LEAST_MEMORY:
        yield f"{room / 1e6:,.0f} MB of memory are left: a model and a run want more"
    yield from told.get("data", {}).get("faults", ())
    if "check" in told and not told["check"]["right"]:
        found = told["check"]["sha256"][:12]
        yield f"the self-check came out as {found}…, not as it does elsewhere: do not trust what this installation mines"


def _advice(told: Told) -> Iterator[str]:
    for extra, missing in told["extras"].items():
        if missing:
            yield f"extra '{extra}' is not there ({'; '.join(missing)}): pip install 'hardneg[{extra}]'"
    processor, libraries = told["processor"], told["libraries"]
    for name, kernel in libraries["kernels"].items():
        if kernel in SLOW and processor["vectors"]:
            yield f"{name} computes with kernels of '{kernel}' though the processor has {processor['vectors']}: set {VARIABLE}=Haswell"
    quota = processor["quota"]
    if quota is not None and quota < processor["usable"]:
        yield f"{processor['usable']} cores are seen and {quota:g} granted: give --threads {max(1, int(quota))}"
    yield from (each["advice"] for each in told["scratch"])
    yield from (f"{path} holds the run again that a killed process was replacing" for path in told.get("data", {}).get("restored", ()))
    known = {each["path"] for each in told["scratch"]}
    yield from (_unfinished(Path(path)) for path in told.get("data", {}).get("interrupted", ()) if os.path.realpath(path) not in known)


def _unfinished(path: Path) -> str:
    """What to do about something that does not say who left it."""
    if path.name.endswith(REPLACED_SUFFIX):
        return f"{path} is what a killed process was replacing: move it to {path.name[1:].removesuffix(REPLACED_SUFFIX)}, or remove it"
    if path.is_file():
        return f"{path} is a half-written file of {path.stat().st_size / 1e6:,.1f} MB that a killed process left: remove it"
    return f"{path} was left by a run that did not end: the same command goes on with it, --fresh begins anew"

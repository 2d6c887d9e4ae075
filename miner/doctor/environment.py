"""Checks of the environment: versions, kernels, threads, memory, disks, the store, extras, and a tiny run with a known result.

Findings are `problems`, which will make a run fail, and `advice`.
"""

from __future__ import annotations

import importlib.metadata
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from miner.doctor import machine
from miner.doctor.doctor_report import DataState, DoctorReport, Environment, IndexCheck, Libraries, StoreSummary
from miner.doctor.index_check import IndexQuestion, check_index
from miner.doctor.selfcheck import selfcheck
from miner.encode.store import stores
from miner.errors import HardnegError
from miner.indexes.blas import VARIABLE, tuned_faiss
from miner.io.scratch import is_held, leftovers
from miner.runs.manifest import versions
from miner.runs.run import Run
from miner.runs.run_folder import REPLACED_SUFFIX, restore

MIN_DISK_BYTES, MIN_MEMORY_BYTES = 1_000_000_000, 1_000_000_000
"""A run with fewer bytes than these is likely to fail."""

SLOW_KERNELS = {"Prescott", "Core2", "Nehalem", "Generic"}
"""Kernels of OpenBLAS without AVX."""

DEVELOPER_EXTRA = "dev"


def doctor(cache: Path, out: Path, data: Path | None = None, *, check: bool = True, index: IndexQuestion | None = None) -> DoctorReport:
    """Check everything; the report is JSON-safe.

    cache: the store's folder.
    out: folder of the runs.
    data: a run, a folder of runs, or a service's data folder.
    check: whether to mine the tiny dataset.
    index: an index to check and to estimate.
    """
    report: Environment = {
        "versions": versions(),
        "processor": machine.processor(),
        "memory": machine.memory(),
        "disks": {"store": machine.disk(cache), "out": machine.disk(out)},
        "store": _store(cache),
        "libraries": _libraries(),
        "requirements": [*_unmet_requirements("")],
        "extras": {extra: [*_unmet_requirements(extra)] for extra in _extras()},
    }
    if data is not None:
        report["data"] = state(data)
    scratch_folders = leftovers([cache, out, *_service(data)])
    report["scratch"] = [
        {
            "path": str(leftover.path),
            "bytes": leftover.bytes,
            "kept": leftover.resumable_files,
            "host": leftover.host,
            "advice": leftover.advice,
        }
        for leftover in scratch_folders
    ]
    if check:
        result = selfcheck()
        report["check"] = {"right": result.right, "sha256": result.sha256, "seconds": result.seconds}
    if index is not None:
        report["index"] = check_index(index)
    return {**report, "problems": [*_problems(report)], "advice": [*_advice(report)]}


def _service(data: Path | None) -> list[Path]:
    """Return the folders of a service's data that may contain files in progress."""
    return [] if data is None else [data, data / "incoming", *sorted(data.glob("jobs/*")), *sorted(data.glob("corpora/*"))]


def state(folder: Path) -> DataState:
    """Check whether the runs and databases in a folder are intact, and list what was interrupted.

    A run that a killed process was replacing, but had not replaced yet, is restored; nothing else is changed.
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
    interrupted = [str(path) for path in sorted(folder.glob(".*.part")) if not is_held(path)]
    return {
        "path": str(folder),
        "runs": len(runs),
        "databases": len(databases),
        "faults": faults,
        "restored": restored,
        "interrupted": interrupted,
    }


def _replaced(folder: Path) -> list[Path]:
    """Return the original paths of runs that were renamed to be replaced."""
    return [path.with_name(path.name[1:].removesuffix(REPLACED_SUFFIX)) for path in sorted(folder.glob(f".*{REPLACED_SUFFIX}"))]


def _database(path: Path) -> Iterator[str]:
    """Yield the errors of an SQLite file, without changing it."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=1.0)) as connection:
            results = [str(row[0]) for row in connection.execute("PRAGMA quick_check(5)")]
    except sqlite3.Error as error:
        results = [str(error)]
    yield from (f"{path}: {result}" for result in results if result != "ok")


def _store(cache: Path) -> StoreSummary:
    store_list = [*stores(cache)] if cache.is_dir() else []
    return {
        "path": str(cache),
        "models": len(store_list),
        "texts": sum(store["texts"] for store in store_list),
        "bytes": sum(store["bytes"] for store in store_list),
    }


def _libraries() -> Libraries:
    """Return the kernels and threads of the numeric libraries, and whether CUDA is available."""
    import torch
    from threadpoolctl import threadpool_info

    faiss = tuned_faiss(1)

    kernels = {
        Path(pool["filepath"]).parent.name.partition(".")[0]: pool["architecture"] for pool in threadpool_info() if pool.get("architecture")
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
        "numpy": {"threads": max((pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"), default=None)},
    }


def _unmet_requirements(extra: str) -> Iterator[str]:
    """Yield the unmet requirements of the package, or of one extra."""
    from packaging.requirements import Requirement

    for text in importlib.metadata.requires("hardneg") or ():
        requirement = Requirement(text)
        applies = (
            requirement.marker is None if not extra else requirement.marker is not None and requirement.marker.evaluate({"extra": extra})
        )
        if not applies:
            continue
        try:
            if not requirement.specifier.contains(importlib.metadata.version(requirement.name), prereleases=True):
                yield f"{requirement.name} is {importlib.metadata.version(requirement.name)}, and {requirement.specifier} is wanted"
        except importlib.metadata.PackageNotFoundError:
            yield f"{requirement.name} is not installed"


def _extras() -> list[str]:
    extras = importlib.metadata.metadata("hardneg").get_all("Provides-Extra") or []
    return sorted(str(extra) for extra in extras if extra != DEVELOPER_EXTRA)


def _problems(report: Environment) -> Iterator[str]:
    yield from (f"{fault}: pip install -U hardneg" for fault in report["requirements"])
    for name, disk in report["disks"].items():
        if not disk["writable"]:
            yield f"{disk['path']} ({name}) cannot be written: choose another folder"
        elif disk["free"] < MIN_DISK_BYTES:
            yield f"{disk['path']} ({name}) has {disk['free'] / 1e6:,.0f} MB free: a run wants more"
    available = min(
        (value for value in (report["memory"]["available"], report["memory"]["limit"]) if value is not None), default=MIN_MEMORY_BYTES
    )
    if available < MIN_MEMORY_BYTES:
        yield f"{available / 1e6:,.0f} MB of memory are left: a model and a run want more"
    yield from report.get("data", {}).get("faults", ())
    if "index" in report:
        yield from _index_problems(report["index"], available)
    if "check" in report and not report["check"]["right"]:
        digest = report["check"]["sha256"][:12]
        yield f"the self-check came out as {digest}…, not as it does elsewhere: do not trust what this installation mines"


def _index_problems(checked: IndexCheck, available: int) -> Iterator[str]:
    if checked["plan"] is None:
        yield checked["fault"]
    elif checked["plan"]["memory_bytes"] > available:
        size = checked["plan"]["memory_bytes"]
        yield f"index {checked['plan']['index']} needs {size / 1e9:,.1f} GB of memory, and {available / 1e9:,.1f} GB are left"


def _advice(report: Environment) -> Iterator[str]:
    for extra, missing in report["extras"].items():
        if missing:
            yield f"extra '{extra}' is not there ({'; '.join(missing)}): pip install 'hardneg[{extra}]'"
    processor, libraries = report["processor"], report["libraries"]
    for name, kernel in libraries["kernels"].items():
        if kernel in SLOW_KERNELS and processor["vectors"]:
            yield f"{name} computes with kernels of '{kernel}' though the processor has {processor['vectors']}: set {VARIABLE}=Haswell"
    quota = processor["quota"]
    if quota is not None and quota < processor["usable"]:
        yield f"{processor['usable']} cores are seen and {quota:g} granted: give --threads {max(1, int(quota))}"
    yield from (leftover["advice"] for leftover in report["scratch"])
    yield from (f"{path} holds the run again that a killed process was replacing" for path in report.get("data", {}).get("restored", ()))
    scratch_paths = {leftover["path"] for leftover in report["scratch"]}
    yield from (
        _unfinished(Path(path)) for path in report.get("data", {}).get("interrupted", ()) if os.path.realpath(path) not in scratch_paths
    )


def _unfinished(path: Path) -> str:
    """Advise what to do about a leftover without an owner."""
    if path.name.endswith(REPLACED_SUFFIX):
        return f"{path} is what a killed process was replacing: move it to {path.name[1:].removesuffix(REPLACED_SUFFIX)}, or remove it"
    if path.is_file():
        return f"{path} is a half-written file of {path.stat().st_size / 1e6:,.1f} MB that a killed process left: remove it"
    return f"{path} was left by a run that did not end: the same command resumes it, --fresh begins again"

"""What made this file: config, inputs and model by content, versions, counts, outputs by hash. Enough to check a run or repeat it."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from miner.errors import IntegrityError, NoRunError, StorageError
from miner.io.atomic import storing
from miner.io.row_files import sha256_of
from miner.io.scratch import LOCK

VERSION = 1
NEEDED = ("config", "retrieval", "outputs")
"""Sections that a run cannot be read without."""
READ_FROM = ("data", "corpus", "queries", "qrels", "pairs", "verdicts", "query_vectors", "passage_vectors")
"""Fields of the inputs that are names of files or folders."""
PACKAGES = (
    *("hardneg", "sentence-transformers", "transformers", "torch", "tokenizers", "faiss-cpu", "numpy", "scipy", "pyarrow", "datasets"),
    *("bm25s", "regex"),
)


def manifest(**parts: Any) -> dict[str, Any]:
    """The manifest of a run; `parts` are its sections (config, inputs, files, model, dataset, counts, outputs, timings …)."""
    head = {"manifest_version": VERSION, "created_at": datetime.now(UTC).isoformat(timespec="seconds"), "versions": versions()}
    return {**head, **parts}


def sealed(made: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest with the hash of everything else in it, so that a later edit shows."""
    return {**made, "seal": _seal(made)}


def is_sealed(made: Mapping[str, Any]) -> bool:
    """Whether the manifest is as the run left it; one without a seal, of an earlier version, is taken at its word."""
    return bool(made.get("seal", _seal(made)) == _seal(made))


def _seal(made: Mapping[str, Any]) -> str:
    told = json.dumps({name: value for name, value in made.items() if name != "seal"}, sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def versions() -> dict[str, str]:
    """Versions of what computes, and the processor's vector instructions FAISS uses."""
    found = dict(_installed())
    faiss = sys.modules.get("faiss")
    if faiss is not None and hasattr(faiss, "SIMDConfig"):
        found["faiss-simd"] = str(faiss.SIMDConfig.get_level_name())
    return found


@cache
def _installed() -> dict[str, str]:
    """Asked once in a process: reading packages' metadata takes longer than choosing a small run's negatives."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for package in PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


@cache
def code() -> str:
    """A hash of this package's source: what is installed from a working copy changes without another version."""
    folder = Path(__file__).parent
    listing = (f"{sha256_of(file)}  {file.relative_to(folder).as_posix()}" for file in sorted(folder.rglob("*.py")))
    return hashlib.sha256("\n".join(listing).encode()).hexdigest()


def outputs(files: Mapping[str, Path], sha256: Callable[[Path], str] = sha256_of) -> dict[str, dict[str, Any]]:
    """{name as seen from the run folder: {"bytes", "sha256"}} of files and folders that are where they are now."""
    return {name: {"bytes": _size(path), "sha256": sha256(path)} for name, path in files.items()}


def load(folder: Path) -> dict[str, Any]:
    """The manifest of a run folder. NoRunError when there is none, or it is not one of ours."""
    path = folder / "manifest.json"
    if not path.is_file():
        raise NoRunError(f"{folder} is no run folder: it has no manifest.json")
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
        version = loaded["manifest_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise NoRunError(f"{path} is not a manifest of this project") from error
    if version != VERSION:
        raise NoRunError(f"{path} is version {version}; this is version {VERSION}")
    return dict(loaded)


def load_whole(folder: Path) -> dict[str, Any]:
    """The same, and NoRunError when a section is missing without which a run cannot be read."""
    loaded = load(folder)
    if missing := [name for name in NEEDED if not isinstance(loaded.get(name), dict)]:
        raise NoRunError(f"{folder / 'manifest.json'} is damaged: it has no {missing[0]}")
    return loaded


def seen_from(folder: Path, base: Path) -> str:
    """`base`, where relative names of inputs start, as seen from the run folder: both may be moved together."""
    return os.path.relpath(os.path.realpath(base), os.path.realpath(folder))


def base(folder: Path, made: Mapping[str, Any]) -> Path:
    """Where the relative names in the manifest of the run in `folder` start."""
    return Path(os.path.normpath(Path(os.path.realpath(folder)) / made["seen_from"])) if "seen_from" in made else Path.cwd()


def inputs(folder: Path, made: Mapping[str, Any]) -> dict[str, Any]:
    """What was read, as config.Inputs has it, with names that hold from this working directory."""
    start = base(folder, made)

    def here(value: Any) -> Any:
        if isinstance(value, list):
            return [here(each) for each in value]
        return value if value is None or value == "-" or value.startswith("hf:") or start == Path.cwd() else str(start / value)

    return {name: here(value) if name in READ_FROM else value for name, value in made["inputs"].items()}


def config(folder: Path, made: Mapping[str, Any]) -> dict[str, Any]:
    """The settings; a model that was a folder is named as it is seen from this working directory."""
    start, model = base(folder, made), made["config"].get("model")
    moved = model and start != Path.cwd() and (start / model).is_dir()
    return {**made["config"], "model": str(start / model)} if moved else dict(made["config"])


def check(folder: Path, made: Mapping[str, Any], names: Iterable[str]) -> dict[str, str]:
    """The hashes of these outputs of a run, all as the manifest tells them. IntegrityError names the first that is not."""
    told = {name: made["outputs"][name]["sha256"] for name in names if name in made["outputs"]}
    for name, sha256 in told.items():
        path = folder / name
        if not path.exists() or not _has(path, _marks(path), sha256):
            gone = "is gone" if not path.exists() else f"has changed since the run was made: its sha256 is not {sha256[:12]}…"
            raise IntegrityError(f"{path} {gone}; `hardneg verify` names all that has, mine again or put back what was there")
    return told


@lru_cache(maxsize=1024)
def _has(path: Path, marks: tuple[tuple[str, int, int, int], ...], sha256: str) -> bool:
    """Whether a file or folder has that hash; looked at again only where its marks are others."""
    return sha256_of(path) == sha256


def _marks(path: Path) -> tuple[tuple[str, int, int, int], ...]:
    """Of every file: name, inode, size and time of the last change of it."""
    with storing(path, "read"):
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        told = [(str(file), file.stat()) for file in files]
    return tuple((name, one.st_ino, one.st_size, one.st_mtime_ns) for name, one in told)


def strangers(folder: Path) -> list[str]:
    """Names in a run folder that no run put there; the lock of one killed in its last moment is. NoRunError when it is no run folder."""
    ours = {"manifest.json", LOCK, *(Path(name).parts[0] for name in load(folder).get("outputs") or {})}
    return sorted(path.name for path in folder.iterdir() if path.name not in ours)


def is_whole(folder: Path) -> bool:
    """Whether it is a run folder with everything as the run left it, whatever became of its inputs."""
    try:
        return not any(_changed_outputs(folder, load_whole(folder)))
    except (IntegrityError, StorageError, OSError):
        return False


def differences(folder: Path) -> Iterator[str]:
    """One sentence for everything that does not match the manifest: outputs first, then inputs that are still where they were."""
    made = load_whole(folder)
    yield from _changed_outputs(folder, made)
    yield from _changed_inputs(folder, made)


def _changed_outputs(folder: Path, made: Mapping[str, Any]) -> Iterator[str]:
    if not is_sealed(made):
        yield "manifest.json was edited after the run"
    for name in strangers(folder):
        yield f"{name} is in the folder and not in the manifest"
    for name, told in made["outputs"].items():
        path = folder / name
        if not _belongs(name, made):
            yield f"{name} lies outside the run: the manifest is not of its making"
        elif not path.exists():
            yield f"{name} is missing"
        elif sha256_of(path) != told["sha256"]:
            yield f"{name} has changed: its sha256 is not {told['sha256'][:12]}…"


def _changed_inputs(folder: Path, made: Mapping[str, Any]) -> Iterator[str]:
    for name, told in made["files"].items():
        path = base(folder, made) / name
        if path.exists() and not is_same(path, told):
            yield f"input {name} has changed since"


def is_same(path: Path, told: Mapping[str, Any]) -> bool:
    """Whether an input is what it was. Only files and folders of the same size are read: a device has no end."""
    if not path.is_dir() and not (path.is_file() and path.stat().st_size == told.get("bytes", path.stat().st_size)):
        return False
    return bool(sha256_of(path) == told["sha256"])


def _belongs(name: str, made: Mapping[str, Any]) -> bool:
    """Inside the run folder, or the training file beside it."""
    parts = Path(name).parts
    beside = name == made.get("training_file") and parts[:1] == ("..",) and len(parts) == 2
    return not Path(name).is_absolute() and (".." not in parts or beside)


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) if path.is_dir() else path.stat().st_size

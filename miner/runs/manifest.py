"""The manifest of a run: config, inputs and model by content, versions, counts, outputs by hash; enough to verify or repeat the run."""

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
from typing import Any, TypedDict, cast

from miner.errors import IntegrityError, NoRunError, StorageError
from miner.io.atomic import storing
from miner.io.input_files import FileHash
from miner.io.plain_files import read_text
from miner.io.row_writer import sha256_of
from miner.io.scratch import LOCK
from miner.types import ModelDescription, RetrievalSection

VERSION = 1
INHERITED_SECTIONS = ("inputs", "model", "files", "retrieval", "made_from")
"""What the manifest of an export says as that of its run does."""
REQUIRED_SECTIONS = ("config", "retrieval", "outputs")
"""Sections that every manifest must have."""
PATH_FIELDS = ("data", "corpus", "queries", "qrels", "pairs", "verdicts", "query_vectors", "passage_vectors")
"""Fields of the inputs that are paths."""
PACKAGES = (
    *("hardneg", "sentence-transformers", "transformers", "torch", "tokenizers", "faiss-cpu", "numpy", "scipy", "pyarrow", "datasets"),
    *("bm25s", "regex"),
)
"""Packages whose versions the manifest records."""


class Sections(TypedDict, total=False):
    """What a run tells its manifest beside config, counts and times.

    inputs: config.Inputs as JSON; None for a dataset in memory.
    files: every file that was read, by path.
    seen_from: folder of relative paths, relative to the run.
    made_from: a hash of everything that the candidates follow from.
    """

    inputs: dict[str, Any] | None
    model: ModelDescription | None
    files: Mapping[str, FileHash]
    seen_from: str
    made_from: str
    retrieval: RetrievalSection


def build_manifest(**parts: Any) -> dict[str, Any]:
    """The manifest of a run. parts: its sections (config, inputs, files, model, dataset, counts, outputs, timings …)."""
    head = {"manifest_version": VERSION, "created_at": datetime.now(UTC).isoformat(timespec="seconds"), "versions": versions()}
    return {**head, **parts}


def inherited(manifest: Mapping[str, Any]) -> Sections:
    """The sections that an export takes over from its run."""
    return cast("Sections", {name: manifest[name] for name in INHERITED_SECTIONS if name in manifest})


def with_seal(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest with a hash of all its other fields (`seal`), which detects later edits."""
    return {**manifest, "seal": _seal_hash(manifest)}


def is_sealed(manifest: Mapping[str, Any]) -> bool:
    """True unless the manifest was edited after the run; a manifest of an earlier version has no seal and counts as unedited."""
    return bool(manifest.get("seal", _seal_hash(manifest)) == _seal_hash(manifest))


def _seal_hash(manifest: Mapping[str, Any]) -> str:
    text = json.dumps({name: value for name, value in manifest.items() if name != "seal"}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def versions() -> dict[str, str]:
    """Versions of the packages, and the vector instructions of the processor that FAISS uses."""
    installed = dict(_installed())
    faiss = sys.modules.get("faiss")
    if faiss is not None and hasattr(faiss, "SIMDConfig"):
        installed["faiss-simd"] = str(faiss.SIMDConfig.get_level_name())
    return installed


@cache
def _installed() -> dict[str, str]:
    """Read once per process: reading the metadata of packages takes longer than pass 2 of a small run."""
    versions = {"python": platform.python_version(), "machine": platform.machine()}
    for package in PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return versions


@cache
def source_hash() -> str:
    """A hash of the source of this package: an editable installation changes without a new version."""
    folder = Path(__file__).parent
    listing = (f"{sha256_of(file)}  {file.relative_to(folder).as_posix()}" for file in sorted(folder.rglob("*.py")))
    return hashlib.sha256("\n".join(listing).encode()).hexdigest()


def outputs(files: Mapping[str, Path], sha256: Callable[[Path], str] = sha256_of) -> dict[str, FileHash]:
    """The entries of files and folders, by name relative to the run folder."""
    return {name: {"bytes": _size(path), "sha256": sha256(path)} for name, path in files.items()}


def load(folder: Path) -> dict[str, Any]:
    """The manifest of a run folder. NoRunError where there is none, or it is not a manifest of this project."""
    path = folder / "manifest.json"
    if not path.is_file():
        raise NoRunError(f"{folder} is no run folder: it has no manifest.json")
    try:
        loaded = json.loads(read_text(path))
        version = loaded["manifest_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise NoRunError(f"{path} is not a manifest of this project") from error
    if version != VERSION:
        raise NoRunError(f"{path} is version {version}; this is version {VERSION}")
    return dict(loaded)


def load_whole(folder: Path) -> dict[str, Any]:
    """The manifest, and NoRunError where a required section is missing."""
    loaded = load(folder)
    if missing := [name for name in REQUIRED_SECTIONS if not isinstance(loaded.get(name), dict)]:
        raise NoRunError(f"{folder / 'manifest.json'} is damaged: it has no {missing[0]}")
    return loaded


def relative_base(folder: Path, base: Path) -> str:
    """`base`, the folder of relative input paths, relative to the run folder: both can be moved together."""
    return os.path.relpath(os.path.realpath(base), os.path.realpath(folder))


def base(folder: Path, manifest: Mapping[str, Any]) -> Path:
    """The folder of relative input paths in the manifest of the run in `folder`."""
    return Path(os.path.normpath(Path(os.path.realpath(folder)) / manifest["seen_from"])) if "seen_from" in manifest else Path.cwd()


def inputs(folder: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of config.Inputs of the run, with paths that are valid from the working directory."""
    base_folder = base(folder, manifest)

    def resolve(value: Any) -> Any:
        if isinstance(value, list):
            return [resolve(item) for item in value]
        return value if value is None or value == "-" or value.startswith("hf:") or base_folder == Path.cwd() else str(base_folder / value)

    return {name: resolve(value) if name in PATH_FIELDS else value for name, value in manifest["inputs"].items()}


def config(folder: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the run; the path of a model folder is valid from the working directory."""
    base_folder, model = base(folder, manifest), manifest["config"].get("model")
    is_relocated = model and base_folder != Path.cwd() and (base_folder / model).is_dir()
    return {**manifest["config"], "model": str(base_folder / model)} if is_relocated else dict(manifest["config"])


def check(folder: Path, manifest: Mapping[str, Any], names: Iterable[str]) -> dict[str, str]:
    """The hashes of these outputs of a run, compared with the manifest. IntegrityError names the first output that differs."""
    hashes = {name: manifest["outputs"][name]["sha256"] for name in names if name in manifest["outputs"]}
    for name, sha256 in hashes.items():
        path = folder / name
        if not path.exists() or not _has_hash(path, _file_stats(path), sha256):
            reason = "is gone" if not path.exists() else f"has changed since the run was made: its sha256 is not {sha256[:12]}…"
            raise IntegrityError(f"{path} {reason}; `hardneg verify` names all that has, mine again or put back what was there")
    return hashes


@lru_cache(maxsize=1024)
def _has_hash(path: Path, stats: tuple[tuple[str, int, int, int], ...], sha256: str) -> bool:
    """True where a file or folder has that hash; cached by path, metadata of its files (`stats`) and hash."""
    return sha256_of(path) == sha256


def _file_stats(path: Path) -> tuple[tuple[str, int, int, int], ...]:
    """Name, inode, size and modification time of every file."""
    with storing(path, "read"):
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        stats = [(str(file), file.stat()) for file in files]
    return tuple((name, stat.st_ino, stat.st_size, stat.st_mtime_ns) for name, stat in stats)


def foreign_names(folder: Path) -> list[str]:
    """Names in a run folder that are not in its manifest, except the lock of a killed process. NoRunError where it is no run folder."""
    names = {"manifest.json", LOCK, *(Path(name).parts[0] for name in load(folder).get("outputs") or {})}
    return sorted(path.name for path in folder.iterdir() if path.name not in names)


def is_whole(folder: Path) -> bool:
    """True for a run folder whose outputs are unchanged; its inputs are not compared."""
    try:
        return not any(_changed_outputs(folder, load_whole(folder)))
    except (IntegrityError, StorageError, OSError):
        return False


def differences(folder: Path) -> Iterator[str]:
    """One sentence for each difference from the manifest: outputs first, then inputs that still exist."""
    manifest = load_whole(folder)
    yield from _changed_outputs(folder, manifest)
    yield from _changed_inputs(folder, manifest)


def _changed_outputs(folder: Path, manifest: Mapping[str, Any]) -> Iterator[str]:
    if not is_sealed(manifest):
        yield "manifest.json was edited after the run"
    for name in foreign_names(folder):
        yield f"{name} is in the folder and not in the manifest"
    for name, entry in manifest["outputs"].items():
        path = folder / name
        if not _belongs(name, manifest):
            yield f"{name} lies outside the run: the manifest is not of its making"
        elif not path.exists():
            yield f"{name} is missing"
        elif sha256_of(path) != entry["sha256"]:
            yield f"{name} has changed: its sha256 is not {entry['sha256'][:12]}…"


def _changed_inputs(folder: Path, manifest: Mapping[str, Any]) -> Iterator[str]:
    for name, entry in manifest["files"].items():
        path = base(folder, manifest) / name
        if path.exists() and not is_same(path, entry):
            yield f"input {name} has changed since"


def is_same(path: Path, entry: Mapping[str, Any]) -> bool:
    """True where an input is unchanged. Only files of the same size and folders are read: reading a device would never terminate."""
    if not path.is_dir() and not (path.is_file() and path.stat().st_size == entry.get("bytes", path.stat().st_size)):
        return False
    return bool(sha256_of(path) == entry["sha256"])


def _belongs(name: str, manifest: Mapping[str, Any]) -> bool:
    """True for a path inside the run folder, and for the training file beside it."""
    parts = Path(name).parts
    is_beside = name == manifest.get("training_file") and parts[:1] == ("..",) and len(parts) == 2
    return not Path(name).is_absolute() and (".." not in parts or is_beside)


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) if path.is_dir() else path.stat().st_size

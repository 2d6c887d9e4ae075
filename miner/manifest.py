"""What made this file: config, inputs and model by content, versions, counts, outputs by hash. Enough to check a run or repeat it."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from miner.errors import IntegrityError
from miner.formats.files import sha256_of

VERSION = 1
PACKAGES = ("hardneg", "sentence-transformers", "transformers", "torch", "tokenizers", "faiss-cpu", "numpy", "pyarrow", "datasets")


def manifest(**parts: Any) -> dict[str, Any]:
    """The manifest of a run; `parts` are its sections (config, inputs, files, model, dataset, counts, outputs, timings …)."""
    head = {"manifest_version": VERSION, "created_at": datetime.now(UTC).isoformat(timespec="seconds"), "versions": versions()}
    return {**head, **parts}


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


def outputs(files: Mapping[str, Path]) -> dict[str, dict[str, Any]]:
    """{name as seen from the run folder: {"bytes", "sha256"}} of files and folders that are where they are now."""
    return {name: {"bytes": _size(path), "sha256": sha256_of(path)} for name, path in files.items()}


def load(folder: Path) -> dict[str, Any]:
    """The manifest of a run folder. IntegrityError when there is none, or it is not one of ours."""
    path = folder / "manifest.json"
    if not path.is_file():
        raise IntegrityError(f"{folder} is no run folder: it has no manifest.json")
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
        version = loaded["manifest_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"{path} is not a manifest of this project") from error
    if version != VERSION:
        raise IntegrityError(f"{path} is version {version}; this is version {VERSION}")
    return dict(loaded)


def differences(folder: Path) -> Iterator[str]:
    """One sentence for everything that does not match the manifest: outputs first, then inputs that are still where they were."""
    made = load(folder)
    for name, told in made["outputs"].items():
        path = folder / name
        if not path.exists():
            yield f"{name} is missing"
        elif sha256_of(path) != told["sha256"]:
            yield f"{name} has changed: its sha256 is not {told['sha256'][:12]}…"
    for name, told in made["files"].items():
        if Path(name).exists() and sha256_of(name) != told["sha256"]:
            yield f"input {name} has changed since"


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) if path.is_dir() else path.stat().st_size

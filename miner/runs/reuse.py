"""Reuses files of other folders in a run: a dataset, or the candidates of the run that it replaces.

By hard links where the file system supports them, by copies elsewhere. Linked files are never modified.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from miner.errors import NoRunError, StorageError
from miner.io.atomic import storing
from miner.io.folder_tree import link_or_copy, remove
from miner.io.row_writer import sha256_of
from miner.runs import manifest as manifests
from miner.runs.run_context import DATASET_FILES, SHARED_ARTIFACTS
from miner.runs.run_folder import BLOCKS, START_NOTE
from miner.types import SAME_QUESTIONS_FILE, Dataset, RetrievalSection


def take_dataset(dataset: Dataset, into: Path) -> Dataset:
    """Link a dataset into a folder of the run; judgements that were changed in memory are written."""
    source = dataset.corpus.path.parent
    for name in DATASET_FILES:
        if (source / name).exists() and name != dataset.queries.path.name:
            _take(source / name, into / name)
    _take(dataset.queries.path, into / dataset.queries.path.name)
    if not (into / "dataset.json").exists() or not Dataset.open(into).qrels.equals(dataset.qrels):
        for name in ("qrels.arrow", SAME_QUESTIONS_FILE, "dataset.json"):
            remove(into / name)  # a link to the user's file, which must not be modified
        dataset.save(into)
    return Dataset.open(into)


def first_pass_of(folder: Path, made_from: str) -> RetrievalSection | None:
    """The retrieval section of the manifest in `folder` where pass 1 has the same inputs (`made_from`) and is unchanged; else None."""
    with suppress(NoRunError, StorageError):
        manifest = manifests.load(folder)
        is_same = (
            manifest.get("made_from") == made_from
            and "seal" in manifest
            and manifests.is_sealed(manifest)
            and BLOCKS in manifest["outputs"]
        )
        if (
            is_same
            and _has_files_only(folder / BLOCKS)
            and all(_is_unchanged(folder / name, manifest["outputs"].get(name)) for name in SHARED_ARTIFACTS)
        ):
            retrieval: RetrievalSection = manifest["retrieval"]
            return retrieval
    return None


def _has_files_only(folder: Path) -> bool:
    """True where a folder holds regular files only: no links, pipes or folders."""
    return folder.is_dir() and all(path.is_file() and not path.is_symlink() for path in folder.iterdir())


def _is_unchanged(path: Path, entry: Mapping[str, Any] | None) -> bool:
    """True where a file or folder has the hash of its entry in the manifest, or is absent and has no entry."""
    return path.exists() and sha256_of(path) == entry["sha256"] if entry else not path.exists()


def take_first_pass(folder: Path, into: Path) -> None:
    """Link all files of pass 1 of the run `folder` into the folder `into`, which replaces its own.

    The note of the inputs of `into` is removed first: an interrupted copy, or blocks of another run, must not be resumed.
    """
    remove(into / START_NOTE)
    for name in SHARED_ARTIFACTS:
        remove(into / name)
        if (folder / name).exists():
            _take(folder / name, into / name)


def _take(source: Path, target: Path) -> None:
    with storing(target):
        link_or_copy(source, target)

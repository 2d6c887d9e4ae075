"""What a run takes over from another folder instead of making it again: a dataset, the candidates of the run it replaces.

By hard links where the file system can, copies elsewhere. What is linked is never written to.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from miner.errors import NoRunError, StorageError
from miner.io.atomic import storing
from miner.io.row_files import sha256_of
from miner.runs import manifest as manifests
from miner.runs.passes import DATASET_FILES, PASSED_ON
from miner.runs.run_folder import BLOCKS, STARTED
from miner.types import SAME, Dataset


def take_dataset(dataset: Dataset, into: Path) -> Dataset:
    """The dataset in a folder of the run's; judgements changed in memory are written anew."""
    source = dataset.corpus.path.parent
    for name in DATASET_FILES:
        if (source / name).exists() and name != dataset.queries.path.name:
            link(source / name, into / name)
    link(dataset.queries.path, into / dataset.queries.path.name)
    if not (into / "dataset.json").exists() or not Dataset.open(into).qrels.equals(dataset.qrels):
        for name in ("qrels.arrow", SAME, "dataset.json"):
            (into / name).unlink(missing_ok=True)  # linked: what the user's dataset lies in is not written to
        dataset.save(into)
    return Dataset.open(into)


def first_pass_of(folder: Path, made_from: str) -> dict[str, Any] | None:
    """What the manifest of the run in `folder` tells of its pass 1, if that was made from the very same and is whole; else None."""
    with suppress(NoRunError, StorageError):
        told = manifests.load(folder)
        same = told.get("made_from") == made_from and "seal" in told and manifests.is_sealed(told) and BLOCKS in told["outputs"]
        if same and _plain(folder / BLOCKS) and all(_whole(folder / name, told["outputs"].get(name)) for name in PASSED_ON):
            return dict(told["retrieval"])
    return None


def _plain(folder: Path) -> bool:
    """Whether there is nothing but files in it: no links, pipes, folders."""
    return folder.is_dir() and all(path.is_file() and not path.is_symlink() for path in folder.iterdir())


def _whole(path: Path, made: Mapping[str, Any] | None) -> bool:
    """Whether a file or folder is as the manifest says; or not there, as it says."""
    return path.exists() and sha256_of(path) == made["sha256"] if made else not path.exists()


def take_first_pass(folder: Path, into: Path) -> None:
    """Everything that pass 1 left in the run `folder`; what `into` has of it goes first.

    So does the note of what `into` is made from: until this run is finished nobody may go on with blocks that are half there, or those of
    another run.
    """
    (into / STARTED).unlink(missing_ok=True)
    for name in PASSED_ON:
        if (into / name).is_dir():
            shutil.rmtree(into / name)
        (into / name).unlink(missing_ok=True)
        if (folder / name).exists():
            link(folder / name, into / name)


def link(source: Path, target: Path) -> None:
    """A hard link where the file system can, a copy elsewhere; of a folder, of each of its files."""
    with storing(target):
        if source.is_dir():
            target.mkdir()
            for file in source.iterdir():
                link(file, target / file.name)
            return
        try:
            os.link(source, target)
        except OSError:
            shutil.copyfile(source, target)

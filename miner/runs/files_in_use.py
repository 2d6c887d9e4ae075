"""The files that a run reads: what they are by size and hash, and that none is replaced by what it writes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from miner.errors import ConfigError
from miner.io.input_files import FileHash
from miner.io.row_writer import sha256_of
from miner.runs.run_folder import Target
from miner.types import Vectors


def is_link(source: Path, target: Path) -> bool:
    """Whether a file, or each file of a folder, is a hard link to the same bytes: its hash holds for both."""
    pairs = [(file, target / file.name) for file in source.iterdir()] if source.is_dir() else [(source, target)]
    return all(left.is_file() and right.is_file() and left.samefile(right) for left, right in pairs)


def hashes_of(paths: Mapping[str, str | Path]) -> dict[str, FileHash]:
    """Size and hash of verdict files, by their names in the manifest."""
    return {name: {"bytes": Path(path).stat().st_size, "sha256": sha256_of(path)} for name, path in paths.items()}


def refuse_overwriting_inputs(destination: Target, inputs: Sequence[str | Path]) -> None:
    """ConfigError where the run would take the place of something it reads."""
    for name in inputs:
        path = Path(os.path.realpath(name))
        if not destination.temporary and any(output == path or output in path.parents for output in destination.output_paths):
            raise ConfigError(f"{name} is read by this run, and --out would replace it: choose another --out")


def vector_files(vectors: Mapping[str, Vectors]) -> dict[str, FileHash]:
    """Vectors made before, likewise."""
    return {name: entry for source_vectors in vectors.values() for name, entry in source_vectors.describe().get("files", {}).items()}

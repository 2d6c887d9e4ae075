"""Hugging Face `datasets`: a folder that `save_to_disk` wrote, and `hf:name[:config][:split]`. The library is imported only here.

No code of a dataset is run: `datasets` 4 and later cannot run any.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from miner.errors import InputError
from miner.io.input_files import FileHash, InputHashes, hash_file

BATCH_ROWS = 1024
SAVED_FILES = ("dataset_dict.json", "state.json")

log = logging.getLogger(__name__)


def open_saved(location: str, inputs: InputHashes) -> Iterator[Any]:
    """Return the Arrow tables of a folder that `save_to_disk` wrote; hash every file in it."""
    folder = Path(location)
    if not any((folder / name).exists() for name in SAVED_FILES):
        raise InputError(f"{location} is a folder, but none that datasets' save_to_disk wrote; a file is needed, or such a folder")
    from datasets import load_from_disk

    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        inputs[str(path)] = hash_file(path)
    try:
        dataset = load_from_disk(location)
    except Exception as error:  # noqa: BLE001 - whatever a damaged folder makes the library raise
        raise InputError(f"cannot be read as a saved dataset: {_first_line(error)}", location) from None
    return _tables(_select_split(dataset, location, None))


def open_hub(location: str, inputs: InputHashes) -> Iterator[Any]:
    """Return the Arrow tables of a dataset on the hub: hf:name, hf:name:config, hf:name:config:split or hf:name::split."""
    name, config, split, *rest = [*location.removeprefix("hf:").split(":"), "", ""]
    if not name or any(rest):
        raise InputError(f"'{location}' is not hf:name, hf:name:config, hf:name:config:split or hf:name::split")
    from datasets import load_dataset

    try:
        dataset = load_dataset(name, config or None)
    except Exception as error:  # the library raises many types for an unreachable hub; the user gets one sentence
        log.debug("load_dataset failed", exc_info=True)
        raise InputError(
            f"{location}: the hub, or this dataset on it, cannot be reached ({_first_line(error)}); "
            "give a file, or a folder that datasets' save_to_disk wrote on a machine that can"
        ) from None
    split_dataset = _select_split(dataset, location, split or None)
    inputs[location] = _hash_all([Path(file["filename"]) for file in split_dataset.cache_files])
    return _tables(split_dataset)


def _select_split(dataset: Any, location: str, split: str | None) -> Any:
    if not isinstance(dataset, dict):
        return dataset
    name = split or (next(iter(dataset)) if len(dataset) == 1 else None)
    if name not in dataset:
        splits = ", ".join(sorted(dataset))
        advice = (
            "write hf:name:config:split"
            if location.startswith("hf:")
            else f"give the folder of one, such as {location}/{sorted(dataset)[0]}"
        )
        raise InputError(f"{location} has " + (f"no split '{name}'" if name else "several splits") + f": {splits}; {advice}")
    return dataset[name]


def _tables(dataset: Any) -> Iterator[Any]:
    if not len(dataset):
        return iter(())
    tables: Iterator[Any] = dataset.with_format("arrow").iter(batch_size=BATCH_ROWS)
    return tables


def _hash_all(paths: list[Path]) -> FileHash:
    notes = [hash_file(path) for path in sorted(paths)]
    digest = sha256("".join(note["sha256"] for note in notes).encode())
    return {"bytes": sum(note["bytes"] for note in notes), "sha256": digest.hexdigest()}


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0]}" if str(error).strip() else type(error).__name__

"""What a folder on the command line is: a run, a model that was trained here, or a loop."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from miner.errors import NoRunError

FolderKind = Literal["run", "model", "loop"]
MARKS: tuple[tuple[str, FolderKind], ...] = (("manifest.json", "run"), ("training.json", "model"), ("loop.json", "loop"))
"""The file that makes a folder of a kind, in the order they are looked for."""


def folder_kind(folder: Path) -> FolderKind:
    """Return the kind of a folder. NoRunError says what would be accepted."""
    for mark, kind in MARKS:
        if (folder / mark).is_file():
            return kind
    wrong = f"{folder} is no run folder, no trained model and no loop"
    if not folder.exists():
        raise NoRunError(f"{wrong}: there is no such folder")
    if (folder / "modules.json").is_file():
        raise NoRunError(f"{wrong}: it is a model that `hardneg train` did not make, without training.json")
    raise NoRunError(f"{wrong}: it has no {', '.join(mark for mark, _ in MARKS[:-1])} or {MARKS[-1][0]}")

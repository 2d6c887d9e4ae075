"""Checkpoints of one fit, complete or absent. The trainer writes to `aside`; a complete checkpoint is hashed, synced and renamed.

    FOLDER/aside/           the trainer's output folder: a checkpoint here is incomplete
           checkpoint-N/    the trainer's files, parts.json (state of batch samplers and changes) and whole.json (the hash of every file)

Owns names, completeness and which old checkpoints stay. A kill at any moment leaves complete checkpoints and leftovers; `last` returns the
newest complete one, logs which are broken and removes them.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from miner.encode.staged_model import complete_code
from miner.errors import StorageError
from miner.io.atomic import sha256_of, storing, sync_folder, sync_tree, write_json
from miner.io.folder_tree import remove, rename
from miner.io.plain_files import read_json, read_text, write_file

log = logging.getLogger(__name__)

ASIDE, MARK, PARTS, STATE = "aside", "whole.json", "parts.json", "trainer_state.json"
RESUME_NOTE = "finished work is kept: --resume continues"


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn the errors of torch and safetensors that mean "cannot write" into StorageError, with a note on how to resume."""
    try:
        with storing(folder):
            yield
    except StorageError as error:
        error.add_note(RESUME_NOTE)
        raise
    except Exception as error:
        if type(error).__name__ != "SafetensorError" and "inline_container.cc" not in str(error):
            raise
        full = StorageError(f"cannot write {folder}: the disk is full, or does not take files so large ({str(error)[:80]})")
        full.add_note(RESUME_NOTE)
        raise full from error


class Mark(TypedDict):
    """The content of whole.json. files: SHA-256 by name; the other fields are those of Checkpoint."""

    step: int
    best: int | None
    ended: bool
    files: dict[str, str]


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint.

    step: optimiser steps so far.
    best: step of the best checkpoint so far, or None without dev data.
    ended: whether the training ended at this step.
    parts: counts, warnings and the state of batch samplers and changes.
    """

    folder: Path
    step: int
    best: int | None
    ended: bool
    parts: Any


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints in a folder."""

    folder: Path

    @property
    def aside(self) -> Path:
        """The trainer's output folder."""
        return self.folder / ASIDE

    def at(self, step: int) -> Path:
        """Return the folder of a step's checkpoint."""
        return self.folder / f"checkpoint-{step}"

    def put(self, step: int, *, best: int | None, ended: bool, parts: Any) -> Path:
        """Complete the checkpoint that the trainer wrote to `aside`, rename it into place, and remove checkpoints no longer needed."""
        source, final = self.aside / f"checkpoint-{step}", self.at(step)
        with storing(source):
            complete_code(source)
            write_file(source / PARTS, json.dumps(parts).encode())
            files = {name: sha256_of(source / name) for name in _files(source)}
            write_json(source / MARK, {"step": step, "best": best, "ended": ended, "files": files})
            sync_tree(source)
            self._remove(final)
            rename(source, final)
            sync_folder(self.folder)
        for step_to_remove in {*self._steps()} - {step, best, self._fallback_step(step, best)}:
            self._remove(self.at(step_to_remove))
        return final

    def last(self) -> Checkpoint | None:
        """Return the newest complete checkpoint whose best checkpoint is complete too; log and remove broken ones."""
        remove(self.aside, ignore_errors=True)
        for step in sorted(self._steps(), reverse=True):
            fault = self._fault(step)
            if not fault:
                mark = self._mark(step)
                best = mark["best"]
                if best in (None, step) or not self._fault(best):
                    parts = json.loads(read_text(self.at(step) / PARTS))
                    return Checkpoint(self.at(step), step, best, mark["ended"], parts)
                fault = f"{self.at(best).name}, the best one then, is not whole"
            log.warning("%s is passed over and removed: %s", self.at(step), fault)
            self._remove(self.at(step))
        return None

    def _mark(self, step: int) -> Mark:
        mark: Mark = read_json(self.at(step) / MARK)
        return mark

    def _fallback_step(self, step: int, best: int | None) -> int | None:
        """Return the step of the older checkpoint to fall back on, should the newest one be broken."""
        if best not in (None, step):
            return best
        return max(
            (earlier for earlier in self._steps() if earlier < step and self._mark(earlier)["best"] in (None, earlier)), default=None
        )

    def _fault(self, step: int) -> str:
        """Say why a checkpoint is incomplete; empty where it is complete."""
        folder = self.at(step)
        try:
            files = self._mark(step)["files"]
        except (OSError, ValueError, KeyError, TypeError):
            return f"it was not written to its end, there is no {MARK}"
        if missing := sorted({*files} - {*_files(folder)}):
            return f"{missing[0]} is missing"
        return next((f"{name} is damaged" for name, digest in files.items() if sha256_of(folder / name) != digest), "")

    def _steps(self) -> Iterator[int]:
        for path in self.folder.glob("checkpoint-*"):
            if path.is_dir() and (name := re.fullmatch(r"checkpoint-(\d+)", path.name)):
                yield int(name[1])

    def _remove(self, path: Path) -> None:
        """Rename the folder before removing it: a partly removed folder must not look like a checkpoint."""
        if path.exists():
            self.aside.mkdir(parents=True, exist_ok=True)
            trash = self.aside / f"old-{path.name}"
            remove(trash, ignore_errors=True)
            rename(path, trash)
            remove(trash, ignore_errors=True)


def _files(folder: Path) -> list[str]:
    """List the files of a checkpoint, relative to its folder, without whole.json."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name != MARK)

"""Checkpoints of one fit, whole or not there. The trainer writes aside; what is complete is hashed, synced and renamed.

    FOLDER/aside/           the trainer's output folder: what lies here is not whole
           checkpoint-N/    the trainer's files, parts.json (what our parts remember) and whole.json (the hash of every file)

Owns names, wholeness and which old ones stay. A kill at any moment leaves whole checkpoints and leftovers; `last` finds the newest
whole one, names what is broken and removes it.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from miner.errors import StorageError
from miner.io.atomic import sha256_of, storing, sync_folder, sync_tree, write_json

log = logging.getLogger(__name__)

ASIDE, MARK, PARTS, STATE = "aside", "whole.json", "parts.json", "trainer_state.json"
GOES_ON = "what was finished is kept: --resume goes on"


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """What torch and safetensors raise where they cannot write becomes a StorageError, which says how to go on."""
    try:
        with storing(folder):
            yield
    except StorageError as error:
        error.add_note(GOES_ON)
        raise
    except Exception as error:
        if type(error).__name__ != "SafetensorError" and "inline_container.cc" not in str(error):
            raise
        full = StorageError(f"cannot write {folder}: the disk is full, or does not take files so large ({str(error)[:80]})")
        full.add_note(GOES_ON)
        raise full from error


@dataclass(frozen=True)
class Checkpoint:
    """A whole checkpoint. best: step of the best one so far; ended: the training came to its end here; parts: what our parts remember."""

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
        """Where the trainer writes."""
        return self.folder / ASIDE

    def at(self, step: int) -> Path:
        """The folder of a step's checkpoint."""
        return self.folder / f"checkpoint-{step}"

    def put(self, step: int, *, best: int | None, ended: bool, parts: Any) -> Path:
        """Finish what the trainer wrote aside for `step`, put it in its place, and remove what nothing goes on from any more."""
        made, final = self.aside / f"checkpoint-{step}", self.at(step)
        with storing(made):
            (made / PARTS).write_text(json.dumps(parts), encoding="utf-8")
            files = {name: sha256_of(made / name) for name in _files(made)}
            write_json(made / MARK, {"step": step, "best": best, "ended": ended, "files": files})
            sync_tree(made)
            self._remove(final)
            made.rename(final)
            sync_folder(self.folder)
        for old in {*self._steps()} - {step, best, self._second(step, best)}:
            self._remove(self.at(old))
        return final

    def last(self) -> Checkpoint | None:
        """The newest whole checkpoint, whose best one is whole too; broken ones are named and removed."""
        shutil.rmtree(self.aside, ignore_errors=True)
        for step in sorted(self._steps(), reverse=True):
            fault = self._fault(step)
            if not fault:
                mark = self._mark(step)
                best = mark["best"]
                if best in (None, step) or not self._fault(best):
                    parts = json.loads((self.at(step) / PARTS).read_text(encoding="utf-8"))
                    return Checkpoint(self.at(step), step, best, mark["ended"], parts)
                fault = f"{self.at(best).name}, the best one then, is not whole"
            log.warning("%s is passed over and removed: %s", self.at(step), fault)
            self._remove(self.at(step))
        return None

    def _mark(self, step: int) -> dict[str, Any]:
        mark: dict[str, Any] = orjson.loads((self.at(step) / MARK).read_bytes())
        return mark

    def _second(self, step: int, best: int | None) -> int | None:
        """An older one to fall back on beside a newest that is the best itself: it needs no other."""
        if best not in (None, step):
            return best
        return max((old for old in self._steps() if old < step and self._mark(old)["best"] in (None, old)), default=None)

    def _fault(self, step: int) -> str:
        """Why a checkpoint is not whole; empty where it is."""
        folder = self.at(step)
        try:
            files = self._mark(step)["files"]
        except (OSError, ValueError, KeyError, TypeError):
            return f"it was not written to its end, there is no {MARK}"
        if gone := sorted({*files} - {*_files(folder)}):
            return f"{gone[0]} is missing"
        return next((f"{name} is damaged" for name, told in files.items() if sha256_of(folder / name) != told), "")

    def _steps(self) -> Iterator[int]:
        for path in self.folder.glob("checkpoint-*"):
            if path.is_dir() and (name := re.fullmatch(r"checkpoint-(\d+)", path.name)):
                yield int(name[1])

    def _remove(self, path: Path) -> None:
        """Gone at once: a folder that is half removed is no checkpoint."""
        if path.exists():
            self.aside.mkdir(parents=True, exist_ok=True)
            gone = self.aside / f"old-{path.name}"
            shutil.rmtree(gone, ignore_errors=True)
            path.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)


def _files(folder: Path) -> list[str]:
    """Names of the files of a checkpoint, seen from its folder, but for the mark."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name != MARK)

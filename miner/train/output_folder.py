"""Where a training and a loop lie on disk, and what may be replaced or removed there.

A training: the model's folder, and beside it the work that `resume` goes on from. A loop: one folder. Three rules: `resume` goes on with
what was interrupted, `fresh` (resume=False) drops it, `force` replaces what is finished; a loop's finished rounds go only with both.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from miner.config import Checked, Inputs, MiningConfig, in_todays_words
from miner.errors import ConfigError
from miner.evaluation.compare import HISTORY
from miner.io.atomic import followed, recover, storing, sync_folder, write_json
from miner.train.config import LoopConfig, TrainConfig
from miner.train.lock import LOCK

IDENTITY, LOOP = "identity.json", "loop.json"
ATOMIC = ("dataset", "model", LOOP, "notebook.parquet", "training.jsonl", "anchors.json", "delta.json")
"""Files and folders of a loop and its rounds that may have half-written ones beside them after a kill."""
SETTINGS: dict[str, type[Checked]] = {"data": Inputs, "training": TrainConfig, "mining": MiningConfig, "loop": LoopConfig, "dev": Inputs}
"""The parts of a loop's identity that are settings."""
WORDS = {"rows": "other rows", "model": "another model at that place", "dev": "other dev data"}


def checkpoints_of(final: Path) -> Path:
    """The folder of the work on a model."""
    return final.with_name(f"{final.name}.checkpoints")


def begun(out: str | Path) -> bool:
    """Whether a loop was begun in `out`."""
    return (followed(out) / LOOP).is_file()


def interrupted(out: str | Path) -> bool:
    """Whether a training for `out` was begun and did not end."""
    return (checkpoints_of(followed(out)) / IDENTITY).is_file()


@dataclass(frozen=True)
class Place:
    """final: the model's folder; work: what is there until it is complete."""

    final: Path
    work: Path

    def check(self, *, resume: bool | None, force: bool) -> None:
        """ConfigError where something is there that these may not replace; nothing is changed."""
        if resume and force:
            raise ConfigError("--resume goes on with an interrupted training, --force replaces a finished model: give one of them")
        begun = interrupted(self.final)
        if self._taken and not force and not resume:
            raise ConfigError(f"{self.final} exists already; choose another --out, or replace it with --force")
        if begun and resume is None:
            raise ConfigError(f"{self.work} holds an interrupted training: --resume goes on, --fresh begins again")
        if self._taken and not (self.final / "modules.json").is_file():
            raise ConfigError(f"{self.final} holds something else than a model, which is not replaced; choose another --out")

    def begin(self, identity: Mapping[str, Any], *, resume: bool | None) -> bool:
        """Make the work folder ready; an interrupted training is gone on with only if it is the same. False: it has ended before."""
        recover(self.final)
        now, path = json.loads(json.dumps(identity)), self.work / IDENTITY
        was = orjson.loads(path.read_bytes()) if path.is_file() else {}
        if resume and self._taken and not was.get("replaces"):
            self._check_ended(now)
            self.end()
            return False
        if resume and was:
            self._check_same(was, now)
            return True
        self._clear()
        write_json(path, {**now, "replaces": self._taken})
        return True

    def end(self) -> None:
        """Remove the work. Its identity goes first: what is half removed is no interrupted training."""
        with storing(self.work):
            (self.work / IDENTITY).unlink(missing_ok=True)
            sync_folder(self.work)
        shutil.rmtree(self.work, ignore_errors=True)

    @property
    def _taken(self) -> bool:
        return self.final.exists() and any(self.final.iterdir())

    def _clear(self) -> None:
        """Remove what an earlier training left; what was mined for it is looked at by the miner."""
        (self.work / IDENTITY).unlink(missing_ok=True)
        for old in self.work.glob("rate-*"):
            shutil.rmtree(old)

    def _check_same(self, was: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        for part, words in WORDS.items():
            if part in was and was[part] != now[part]:
                raise ConfigError(f"{self.work} was begun with {words}; --fresh begins again")
        if changed := _changed(TrainConfig, was["config"], now["config"]):
            raise ConfigError(f"{self.work} was begun with another {', '.join(changed)}; --fresh begins again")

    def _check_ended(self, now: Mapping[str, Any]) -> None:
        """ConfigError unless the model that is there is what this training makes."""
        path = self.final / HISTORY
        told = orjson.loads(path.read_bytes()) if path.is_file() else {}
        same = told and (told["rows"]["sha256"], told["base_model"]["content"]) == (now["rows"], now["model"])
        if not same or _changed(TrainConfig, told["config"], now["config"]):
            raise ConfigError(f"{self.final} exists already, made from something else; choose another --out, or replace it with --force")


def _changed(kind: type[Checked] | None, was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Names of the settings that differ. Stored ones are read as today's version reads them, where it can."""
    before = _as_of_today(kind, was, now) if kind else was
    return [name for name in {**now, **before} if name not in before or name not in now or before[name] != now[name]]


def _as_of_today(kind: type[Checked], was: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Stored settings: a name, or a knob of a part, that an earlier version did not store has its default, which is what it did."""
    fields = {name: value for name, value in was.items() if name in kind.model_fields}
    try:
        return {**was, **kind.of(**in_todays_words(fields)).model_dump(mode="json")}
    except ConfigError:  # a value that is no longer allowed, and so another one than now
        return {**now, **was}


def check_loop(folder: Path, identity: Mapping[str, Any], *, resume: bool | None, force: bool) -> None:
    """ConfigError where something is there that these may not replace or go on with; nothing is changed."""
    if resume and force:
        raise ConfigError("--resume goes on with a loop, --force begins again: give one of them")
    if not begun(folder):
        if folder.exists() and {path.name for path in folder.iterdir()} - {LOCK}:
            raise ConfigError(f"{folder} holds something else; choose another --out")
        return
    if resume:
        _check_same_loop(folder, identity)
        return
    finished = len(list(folder.glob("round-*/delta.json")))
    if finished and not (force and resume is False):
        rounds = "a finished round" if finished == 1 else f"{finished} finished rounds"
        raise ConfigError(f"{folder} holds {rounds} of a loop: --resume goes on, --force --fresh deletes them and begins again")
    if not force and resume is None:
        raise ConfigError(f"{folder} holds a loop already: --resume goes on, --fresh begins again")


def begin_loop(folder: Path, identity: Mapping[str, Any], *, resume: bool | None) -> None:
    """Make the folder ready for the rounds: empty, or without what a kill left half-written."""
    if not resume:
        _clear_loop(folder)
    for place in [folder, *folder.glob("round-*")]:
        for name in ATOMIC:
            recover(place / name)
    write_json(folder / LOOP, {"identity": identity, "done": False})


def _check_same_loop(folder: Path, identity: Mapping[str, Any]) -> None:
    was, now = orjson.loads((folder / LOOP).read_bytes())["identity"], orjson.loads(orjson.dumps(identity))
    changed = [f"{part}.{name}" for part in now if part in was for name in _changed(SETTINGS.get(part), was[part], now[part])]
    if set(changed) - {"loop.rounds"}:
        raise ConfigError(f"{folder} was begun with another {', '.join(changed)}; --force --fresh begins again")


def _clear_loop(folder: Path) -> None:
    """Remove a loop; what says that it is one goes last."""
    with storing(folder):
        for path in sorted(folder.iterdir(), key=lambda path: path.name == LOOP):
            if path.name != LOCK:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

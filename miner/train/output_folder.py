"""The folders of a training and of a loop, and the rules for replacing them.

A training has the model's folder, and beside it the checkpoints folder that `resume` continues from. A loop has one folder. Three rules:
`resume` continues an interrupted training, `fresh` (resume=False) discards it, `force` replaces a finished one; the finished rounds of a
loop are deleted only with `force` and `fresh` together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from miner.config import Inputs, MiningConfig, SettingsGroup, upgrade_stored_config
from miner.errors import ConfigError
from miner.evaluation.compare import HISTORY
from miner.io.atomic import recover, resolve_link, storing, sync_folder, write_json
from miner.io.folder_tree import remove
from miner.io.plain_files import read_json
from miner.train.config import LoopConfig, TrainConfig
from miner.train.lock import LOCK

IDENTITY, LOOP = "identity.json", "loop.json"
REMOVAL_TRIES = 3
"""A folder to which a library's thread still writes is not empty at the first try."""
ROUND_NAMES = ("notebook.parquet", "training.jsonl", "anchors.json", "delta.json", "dev.parquet", "optimizer.pt", "report.html")
ATOMIC_NAMES = ("dataset", "model", LOOP, *ROUND_NAMES)
"""Files and folders of a loop and its rounds that are written atomically: after a kill, partial copies may lie beside them."""
SETTINGS: dict[str, type[SettingsGroup]] = {
    "data": Inputs,
    "training": TrainConfig,
    "mining": MiningConfig,
    "loop": LoopConfig,
    "dev": Inputs,
}
"""The parts of a loop's identity that are settings, with their types."""
MAY_CHANGE = ("loop.rounds", "data.verdicts")
"""What a loop may be resumed with another value of: more rounds, and what reviewers said since. Each round records its verdicts."""
IDENTITY_LABELS = {"rows": "other rows", "model": "another model at that place", "dev": "other dev data"}


def checkpoints_of(final: Path) -> Path:
    """Return the checkpoints folder of a model."""
    return final.with_name(f"{final.name}.checkpoints")


def has_loop(out: str | Path) -> bool:
    """Return whether `out` holds a loop, finished or not."""
    return (resolve_link(out) / LOOP).is_file()


def has_interrupted_training(out: str | Path) -> bool:
    """Return whether a training for `out` was interrupted."""
    return (checkpoints_of(resolve_link(out)) / IDENTITY).is_file()


@dataclass(frozen=True)
class OutputFolder:
    """The folders of one training.

    final: the model's folder.
    work: the checkpoints folder, until the model is complete.
    """

    final: Path
    work: Path

    def check(self, *, resume: bool | None, force: bool) -> None:
        """Raise ConfigError where the folders hold something that these options may not replace; change nothing."""
        if resume and force:
            raise ConfigError("--resume continues an interrupted training, --force replaces a finished model: choose one of them")
        has_loop = has_interrupted_training(self.final)
        if self._is_occupied and not force and not resume:
            raise ConfigError(f"{self.final} exists already; choose another --out, or replace it with --force")
        if has_loop and resume is None:
            raise ConfigError(f"{self.work} holds an interrupted training: --resume continues, --fresh begins again")
        if self._is_occupied and not (self.final / "modules.json").is_file():
            raise ConfigError(f"{self.final} holds something else than a model, which is not replaced; choose another --out")

    def begin(self, identity: Mapping[str, Any], *, resume: bool | None) -> bool:
        """Prepare the work folder; resume an interrupted training only if its identity is the same. Return False if it has ended."""
        recover(self.final)
        current, path = json.loads(json.dumps(identity)), self.work / IDENTITY
        previous = read_json(path) if path.is_file() else {}
        if resume and self._is_occupied and not previous.get("replaces"):
            self._check_ended(current)
            self.end()
            return False
        if resume and previous:
            self._check_same(previous, current)
            return True
        self._clear()
        write_json(path, {**current, "replaces": self._is_occupied})
        return True

    def end(self) -> None:
        """Remove the work folder, identity.json first: a partly removed folder must not look like an interrupted training."""
        with storing(self.work):
            remove(self.work / IDENTITY)
            sync_folder(self.work)
        for _ in range(REMOVAL_TRIES):
            remove(self.work, ignore_errors=True)
            if not self.work.exists():
                break

    @property
    def _is_occupied(self) -> bool:
        return self.final.exists() and any(self.final.iterdir())

    def _clear(self) -> None:
        """Remove the checkpoints of an earlier training; the mined run stays, and mining decides whether to reuse it."""
        remove(self.work / IDENTITY)
        for old in self.work.glob("rate-*"):
            remove(old)

    def _check_same(self, previous: Mapping[str, Any], current: Mapping[str, Any]) -> None:
        for part, words in IDENTITY_LABELS.items():
            if part in previous and previous[part] != current[part]:
                raise ConfigError(f"{self.work} was begun with {words}; --fresh begins again")
        if changed := _differences(TrainConfig, previous["config"], current["config"]):
            raise ConfigError(f"{self.work} was begun with another {', '.join(changed)}; --fresh begins again")

    def _check_ended(self, current: Mapping[str, Any]) -> None:
        """Raise ConfigError unless the finished model is the result of this training."""
        path = self.final / HISTORY
        report = read_json(path) if path.is_file() else {}
        same = report and (report["rows"]["sha256"], report["base_model"]["content"]) == (current["rows"], current["model"])
        if not same or _differences(TrainConfig, report["config"], current["config"]):
            raise ConfigError(f"{self.final} exists already, made from something else; choose another --out, or replace it with --force")


def _differences(kind: type[SettingsGroup] | None, previous: Mapping[str, Any], current: Mapping[str, Any]) -> list[str]:
    """Return the names of the settings that differ. Settings stored by an earlier version are upgraded first."""
    upgraded = _upgrade(kind, previous, current) if kind else previous
    return [name for name in {**current, **upgraded} if name not in upgraded or name not in current or upgraded[name] != current[name]]


def _upgrade(kind: type[SettingsGroup], previous: Mapping[str, Any], current: Mapping[str, Any]) -> dict[str, Any]:
    """Upgrade stored settings: a setting that an earlier version did not store gets its default, which is how that version behaved."""
    fields = {name: value for name, value in previous.items() if name in kind.model_fields}
    try:
        return {**previous, **kind.of(**upgrade_stored_config(fields)).model_dump(mode="json")}
    except ConfigError:  # a value that is no longer allowed, and so another one than now
        return {**current, **previous}


def check_loop(folder: Path, identity: Mapping[str, Any], *, resume: bool | None, force: bool) -> None:
    """Raise ConfigError where the folder holds something that these options may not replace or resume; change nothing."""
    if resume and force:
        raise ConfigError("--resume continues a loop, --force begins again: choose one of them")
    if not has_loop(folder):
        if folder.exists() and {path.name for path in folder.iterdir()} - {LOCK}:
            raise ConfigError(f"{folder} holds something else; choose another --out")
        return
    if resume:
        _check_same_loop(folder, identity)
        return
    finished = len(list(folder.glob("round-*/delta.json")))
    if finished and not (force and resume is False):
        rounds = "a finished round" if finished == 1 else f"{finished} finished rounds"
        raise ConfigError(f"{folder} holds {rounds} of a loop: --resume continues, --force --fresh deletes them and begins again")
    if not force and resume is None:
        raise ConfigError(f"{folder} holds a loop already: --resume continues, --fresh begins again")


def begin_loop(folder: Path, identity: Mapping[str, Any], *, resume: bool | None) -> None:
    """Prepare the folder for the rounds: empty, or without partial files from a kill."""
    if not resume:
        _clear_loop(folder)
    for place in [folder, *folder.glob("round-*")]:
        for name in ATOMIC_NAMES:
            recover(place / name)
    write_json(folder / LOOP, {"identity": identity, "done": False})


def _check_same_loop(folder: Path, identity: Mapping[str, Any]) -> None:
    previous, current = read_json(folder / LOOP)["identity"], orjson.loads(orjson.dumps(identity))
    changed = [
        f"{part}.{name}" for part in current if part in previous for name in _differences(SETTINGS.get(part), previous[part], current[part])
    ]
    is_one_schedule = current.get("loop", {}).get("start") == "continue" and current["training"]["schedule"] != "constant"
    may_change = MAY_CHANGE[is_one_schedule:]  # a falling rate depends on the number of rounds
    changed = [name for name in changed if name not in may_change and not name.startswith("verdicts.")]
    if changed:
        raise ConfigError(f"{folder} was begun with another {', '.join(changed)}; --force --fresh begins again")


def _clear_loop(folder: Path) -> None:
    """Remove a loop, loop.json last: until then the folder is still known as a loop."""
    with storing(folder):
        for path in sorted(folder.iterdir(), key=lambda path: path.name == LOOP):
            if path.name != LOCK:
                remove(path)

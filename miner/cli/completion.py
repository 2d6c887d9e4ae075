"""Values that a shell completes: parts with their knobs, presets, formats, devices, words of a setting, models of the hub's cache.

Tables are read when a shell asks, not when the command starts.
"""

from __future__ import annotations

import dataclasses
import os
import typing
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

Completer = Callable[[str], list[str]]

TABLES = {
    "preset": "miner.config.presets:PRESETS",
    "filter": "miner.filters:FILTERS",
    "sampler": "miner.samplers:SAMPLERS",
    "source": "miner.sources:SOURCES",
    "variation": "miner.variations:VARIATIONS",
    "judge": "miner.judges:JUDGES",
    "evidence": "miner.evidence:EVIDENCE",
    "output-format": "miner.formats:FORMATS",
    "format": "miner.formats:FORMATS",
    "kind": "miner.cli.options:KINDS",
    "device": "miner.config.runtime:DEVICES",
    "measure": "miner.evaluation.measures:MEASURES",
    "loss": "miner.train.parts:LOSSES",
    "batch-sampler": "miner.train.parts:BATCH_SAMPLERS",
    "change": "miner.train.parts:CHANGES",
    "ignore": "miner.lint.rules:RULES",
}
"""Where the names that a flag takes are listed."""
WITH_KNOBS = ("filter", "sampler", "source", "judge", "variation", "loss", "batch-sampler", "change")
SETTINGS = {
    **dict.fromkeys(
        ("dtype", "similarity", "pooling", "anchor", "judged", "false-negatives", "fill", "hub-cap"), "miner.config:MiningConfig"
    ),
    "column": "miner.config:MiningConfig",
    "on-error": "miner.config:Inputs",
    "schedule": "miner.train.config:TrainConfig",
    "precision": "miner.train.config:TrainConfig",
    "start": "miner.train.config:LoopConfig",
}
"""The config whose field lists the words that a flag takes."""
FIELDS = {"column": "columns"}
"""Flags whose field has another name."""


def completer(flag: str) -> Completer | None:
    """Return what completes the values of a flag; None where nothing is known of them."""
    if flag == "model":
        return lambda incomplete: [name for name in models() if name.startswith(incomplete)]
    if flag not in TABLES and flag not in SETTINGS:
        return None
    return lambda incomplete: [value for value in values(flag, incomplete) if value.startswith(incomplete)]


def values(flag: str, incomplete: str = "") -> Iterable[str]:
    """The values that a flag takes: names; behind `name:`, the knobs of the part with their defaults."""
    if flag in SETTINGS:
        return list(dict.fromkeys(_words(_load(SETTINGS[flag]).model_fields[FIELDS.get(flag, flag.replace("-", "_"))].annotation)))
    table = _load(TABLES[flag])
    name, colon, _ = incomplete.partition(":")
    return _with_knobs(flag, name, table[name]) if colon and flag in WITH_KNOBS and name in table else list(table)


def models() -> list[str]:
    """The models in the hub's cache on this machine, by name. No library is imported and no network asked."""
    home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser()
    cache = Path(os.environ.get("HF_HUB_CACHE", home / "hub"))
    return sorted(folder.name.removeprefix("models--").replace("--", "/") for folder in cache.glob("models--*") if folder.is_dir())


def _with_knobs(flag: str, name: str, part: Any) -> Iterator[str]:
    yield from (f"{name}:{knob.name}=" for knob in dataclasses.fields(part))
    if flag in ("filter", "variation"):
        yield f"{name}:off"


def _words(hint: Any) -> Iterator[str]:
    """The words of a type: of a Literal, or of what holds one."""
    for each in typing.get_args(hint):
        yield from [each] if isinstance(each, str) else _words(each)


def _load(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)

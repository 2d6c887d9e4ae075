"""Runtime: what does not change the bytes."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator

from miner.config.settings_group import SettingsGroup
from miner.errors import ConfigError
from miner.io.scratch import default_cache
from miner.support.unknown_names import unknown_name
from miner.support.value_types import shown

DEVICES = ("cpu", "cuda", "mps", "xpu", "hpu", "npu", "xla")
"""What sentence-transformers puts a model on."""


SEPARATORS = re.compile(r"(?<=[0-9a-f]{40})[,\s]+")
"""Between two entries of `allow_code`: each ends with its revision, a folder's name may hold commas and blanks."""


class Runtime(SettingsGroup):
    """What does not change the bytes: where and how fast. Never accepted over HTTP."""

    device: str | None = Field(None, description="cpu, cuda, mps …; default: the best there is")
    batch_size: Annotated[int, Field(ge=1)] | None = Field(
        None, description="texts per forward pass; default: 32, or 1024 for a static model"
    )
    threads: Annotated[int, Field(ge=1, le=1024)] | None = Field(None, description="processor threads; default: all")
    cache: Path = Field(default_factory=lambda: default_cache(os.environ), description="folder of the embedding store")

    allow_code: tuple[str, ...] = Field(
        (),
        description="models whose own code may run: NAME@COMMIT of the hub (40 digits), or FOLDER@SHA256 of its code files; default: none",
    )

    @classmethod
    def of_argument(cls, runtime: Runtime | Mapping[str, Any] | None) -> Runtime:
        """The runtime of a function's argument: by itself, from a dict of its settings, or the default. ConfigError for anything else."""
        if isinstance(runtime, Mapping) and all(isinstance(name, str) for name in runtime):
            return cls.of(**runtime)
        if not isinstance(runtime, Runtime | None):
            raise ConfigError(f"runtime is {shown(runtime)}: a Runtime, or a dict of its settings, is needed, as Runtime(device='cpu')")
        return runtime or cls.of()

    @field_validator("allow_code", mode="before")
    @classmethod
    def _entries(cls, value: Any) -> Any:
        return entries_of(value)

    @field_validator("device", mode="after")
    @classmethod
    def _device(cls, name: str | None) -> str | None:
        kind, _, number = (name or "cpu").partition(":")
        if kind not in DEVICES or (number and not number.isdecimal()):
            raise ConfigError(f"{unknown_name('device', str(name), DEVICES)}, with a number where there are several: cuda:1")
        return name


def entries_of(value: Any) -> Any:
    """The entries of `allow_code`, a list or one text, with folders as real paths. ConfigError for an entry without a full revision."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        return value
    return tuple(_entry(part) for text in texts for part in SEPARATORS.split(text.strip()) if part)


def _entry(text: str) -> str:
    name, _, revision = text.rpartition("@")
    is_commit, is_hash = (re.fullmatch(f"[0-9a-f]{{{digits}}}", revision) for digits in (40, 64))
    if not name or not (is_commit or is_hash):
        raise ConfigError(
            f"'{text}' allows no code: NAME@COMMIT is needed, the commit in full (40 digits), or FOLDER@SHA256 of its code (64 digits)"
        )
    if is_commit and Path(name).is_dir():
        raise ConfigError(f"'{name}' is a folder: its code is allowed by the sha256 of its code files (64 digits), not by a commit")
    return f"{os.path.realpath(name)}@{revision}" if is_hash else text

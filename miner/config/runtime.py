"""Runtime: what does not change the bytes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from miner.config.settings_group import SettingsGroup
from miner.errors import ConfigError
from miner.io.scratch import default_cache

DEVICES = ("cpu", "cuda", "mps", "xpu", "hpu", "npu", "xla")
"""What sentence-transformers puts a model on."""


class Runtime(SettingsGroup):
    """What does not change the bytes: where and how fast. Never accepted over HTTP."""

    device: str | None = Field(None, description="cpu, cuda, mps …; default: the best there is")
    batch_size: Annotated[int, Field(ge=1)] | None = Field(
        None, description="texts per forward pass; default: 32, or 1024 for a static model"
    )
    threads: Annotated[int, Field(ge=1, le=1024)] | None = Field(None, description="processor threads; default: all")
    cache: Path = Field(default_factory=lambda: default_cache(os.environ), description="folder of the embedding store")

    @field_validator("device", mode="after")
    @classmethod
    def _device(cls, name: str | None) -> str | None:
        kind, _, number = (name or "cpu").partition(":")
        if kind not in DEVICES or (number and not number.isdecimal()):
            raise ConfigError(
                f"there is no device '{name}'; there are: {', '.join(DEVICES)}, with a number where there are several: cuda:1"
            )
        return name

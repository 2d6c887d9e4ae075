"""What a worker hands to a child, and what comes back: plain data, so that the child needs neither the database nor the settings."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.errors import NotFound
from app.storage.job_output import Output
from miner.config import Runtime
from miner.io.atomic import storing
from miner.types import Progress


@dataclass(frozen=True)
class Task:
    """Work in a folder: the child changes into it, so that no path of this machine gets into a manifest."""

    job_id: str
    kind: str
    folder: str
    spec: dict[str, Any]
    runtime: dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What the client is told, and the files that become its own."""

    result: dict[str, Any]
    outputs: list[Output] = field(default_factory=list)


Work = Callable[[dict[str, Any], Runtime, Progress], Outcome]
"""A kind's work: spec, runtime, progress → outcome. Runs in the child, in the job's folder."""


def link(source: Path, target: Path) -> None:
    """A file under another name: a hard link where the file system can, a copy elsewhere. What is there already stays."""
    with storing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            try:
                os.link(source, target)
            except FileNotFoundError:  # of a dry run, which holds nothing
                raise NotFound(f"{target.name} was deleted meanwhile") from None
            except OSError:
                shutil.copyfile(source, target)

"""What a worker sends to a child process, and what it answers: plain data, so the child needs neither the database nor the settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

from app.errors import NotFound
from app.storage.job_output import Output
from app.storage.job_rows import JobError, JobResult, JobSpec
from miner.config import Runtime
from miner.io.atomic import storing
from miner.io.folder_tree import link_or_copy
from miner.types import Progress


@dataclass(frozen=True)
class Task:
    """One job for a child process. The child changes into `folder`, so that no path of this machine gets into a manifest."""

    job_id: str
    kind: str
    folder: str
    spec: JobSpec
    runtime: dict[str, Any]
    """The fields of miner.config.Runtime, as JSON."""


@dataclass(frozen=True)
class Outcome:
    """The result of a job as its client sees it, and the files that it wrote."""

    result: JobResult
    outputs: list[Output] = field(default_factory=list)


class OutcomeFields(TypedDict):
    """An Outcome as JSON."""

    result: JobResult
    outputs: list[dict[str, str]]


class ChildMessage(TypedDict, total=False):
    """One line from a child: progress (stage, done, total), an outcome, or an error."""

    stage: str
    done: int
    total: int
    outcome: OutcomeFields
    error: JobError


JobFunction = Callable[[JobSpec, Runtime, Progress], Outcome]
"""What a kind of job runs in the child, in the job's folder: spec, runtime, progress → outcome."""


def link(source: Path, target: Path) -> None:
    """Make `source` available as `target`: a hard link, or a copy where the file system has none. An existing target stays as it is."""
    with storing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            try:
                link_or_copy(source, target)
            except FileNotFoundError:  # in a dry run, which does not protect its inputs from deletion
                raise NotFound(f"{target.name} was deleted meanwhile") from None

"""Kind `export`: choose and write again from a finished job's candidates, in seconds, without the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field

from app.errors import Conflict
from app.jobs.mine import FileKind, check_kind, suffix_of, told
from app.jobs.task import Outcome
from app.schemas import STRICT
from app.stock import Stock
from miner.cli.options import merged
from miner.config import MiningConfig, Runtime
from miner.errors import ConfigError
from miner.types import Progress


class ExportJob(BaseModel):
    """Choose again from the candidates of a job."""

    model_config = STRICT

    kind: Literal["export"]
    job: str = Field(description="a job of kind mine or export that succeeded")
    config: dict[str, Any] = Field(default_factory=dict, description="what differs from that job's config; filters are added to its own")
    file_kind: FileKind = Field(None, description="what the training file is written as; default: what suits the format")


def resolve(asked: ExportJob, stock: Stock) -> dict[str, Any]:
    """The spec with the whole config. Conflict when that job has no run to choose from."""
    source = stock.queue.get(asked.job)
    if source.kind not in ("mine", "export") or source.state != "succeeded":
        raise Conflict(f"there is nothing to choose from: that job is {source.state}, of kind {source.kind}")
    below = {name: value for name, value in source.spec["config"].items() if value is not None}
    for name in ("model", "revision"):
        if asked.config.get(name, below.get(name)) != below.get(name):
            raise ConfigError(f"{name} was used up by that job, and cannot change without mining again")
    config = MiningConfig.of(**merged(asked.config, below))
    check_kind(config, asked.file_kind)
    return {**asked.model_dump(mode="json"), "config": config.model_dump(mode="json")}


def prepare(spec: dict[str, Any], stock: Stock, folder: Path) -> dict[str, Any]:
    """The run to choose from is the other job's; NotFound when it is gone."""
    source = stock.queue.get(spec["job"])
    return {**spec, "run": f"../{source.id}/run"}


def work(spec: dict[str, Any], runtime: Runtime, on_progress: Progress) -> Outcome:
    """In the child: choose, and tell what was made."""
    from miner.run import Run, export

    config = MiningConfig.of(**spec["config"])
    made = export(Run(Path(spec["run"])), config, out="run", kind=suffix_of(spec), force=True, on_progress=on_progress)
    return told(made)

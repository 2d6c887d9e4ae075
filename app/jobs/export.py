"""Kind `export`: choose and write again from a finished job's candidates, in seconds, without the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field

from app.errors import Conflict
from app.jobs.mine import FileKind, check_kind, suffix_of, told
from app.jobs.stores import Stock
from app.jobs.task import Outcome
from app.naming.models import public
from app.schemas import STRICT
from app.storage.reviews import verdict_file
from miner.config import MiningConfig, Runtime, in_todays_words
from miner.config.layers import Layers, laid_over
from miner.errors import ConfigError
from miner.io.row_files import write_bytes
from miner.types import Progress

VERDICTS = "inputs/verdicts.jsonl"


class ExportJob(BaseModel):
    """Choose again from the candidates of a job."""

    model_config = STRICT

    kind: Literal["export"]
    job: str = Field(description="a job of kind mine or export that succeeded")
    config: dict[str, Any] = Field(default_factory=dict, description="what differs from that job's config; filters are added to its own")
    file_kind: FileKind = Field(None, description="what the training file is written as; default: what suits the format")
    verdicts: Literal["reviews"] | None = Field(None, description="`reviews`: heed what was said of that job's pairs until now")


def resolve(asked: ExportJob, stock: Stock) -> dict[str, Any]:
    """The spec with the whole config. Conflict when that job has no run to choose from."""
    from miner.runs.run import RETRIEVAL_SETTINGS

    source = stock.queue.get(asked.job)
    if source.kind not in ("mine", "export") or source.state != "succeeded":
        raise Conflict(f"there is nothing to choose from: that job is {source.state}, of kind {source.kind}")
    below = {name: value for name, value in in_todays_words(source.spec["config"]).items() if value is not None}
    wanted = dict(asked.config)
    if "model" in wanted and wanted["model"] == public(str(below.get("model"))):
        wanted["model"] = below["model"]  # an earlier version has noted where it lay
    for name in ("model", "revision"):
        if wanted.get(name, below.get(name)) != below.get(name):
            raise ConfigError(f"{name} was used up by that job, and cannot change without mining again")
    config = MiningConfig.of(**laid_over(wanted, Layers(stored=below), RETRIEVAL_SETTINGS))
    check_kind(config, asked.file_kind)
    said = {}
    if asked.verdicts:
        from miner.runs.run import with_verdict_filter

        config, said = with_verdict_filter(config, True), {"reviews": _last_review(asked.job, stock)}
    return {**asked.model_dump(mode="json"), **said, "config": config.model_dump(mode="json")}


def _last_review(job_id: str, stock: Stock) -> int:
    """The number up to which reviews are heeded, so that a retry heeds the same. Conflict when nothing was said."""
    last = stock.reviews.last(job_id)
    if not stock.reviews.standing(job_id, last):
        raise Conflict("there are no reviews of that job to heed: say something first, or leave `verdicts` out")
    return last


def prepare(spec: dict[str, Any], stock: Stock, folder: Path) -> dict[str, Any]:
    """The run to choose from is the other job's, and so are the reviews; NotFound when it is gone."""
    source = stock.queue.get(spec["job"])
    if spec.get("verdicts"):
        (folder / VERDICTS).parent.mkdir(exist_ok=True)
        write_bytes(folder / VERDICTS, verdict_file(stock.reviews.standing(source.id, spec["reviews"])))
    return {**spec, "run": f"../{source.id}/run"}


def work(spec: dict[str, Any], runtime: Runtime, on_progress: Progress) -> Outcome:
    """In the child: choose, and tell what was made."""
    from miner.runs.run import Run, export

    config, said = MiningConfig.of(**spec["config"]), [VERDICTS] if spec.get("verdicts") else []
    made = export(Run(Path(spec["run"])), config, out="run", kind=suffix_of(spec), force=True, verdicts=said, on_progress=on_progress)
    return told(made)

"""Kind `export`: choose and write again from a finished job's candidates, in seconds, without the model unless variations are made."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field

from app.errors import Conflict
from app.jobs.mine import FileKind, check_kind, outcome_of, suffix_of
from app.jobs.stores import Stores
from app.jobs.task import Outcome
from app.naming.models import public
from app.schemas import STRICT
from app.storage.job_rows import JobSpec
from app.storage.reviews import verdict_file
from miner.config import MiningConfig, Runtime, upgrade_stored_config
from miner.config.layers import Layers, overlay
from miner.errors import ConfigError
from miner.io.row_writer import write_bytes
from miner.types import Progress

VERDICTS = "inputs/verdicts.jsonl"


class ExportJob(BaseModel):
    """Choose again from the candidates of a job."""

    model_config = STRICT

    kind: Literal["export"]
    job: str = Field(description="a job of kind mine or export that succeeded")
    config: dict[str, Any] = Field(default_factory=dict, description="settings that differ from that job's; filters are added")
    file_kind: FileKind = Field(None, description="file type of the training file; default: the format's own")
    verdicts: Literal["reviews"] | None = Field(None, description="`reviews`: use the verdicts on that job's pairs so far")


def resolve(request: ExportJob, stores: Stores) -> JobSpec:
    """The spec: the request with the whole config. Conflict when the source job has no run to choose from."""
    from miner.config.groups import RETRIEVAL_SETTINGS

    source = stores.queue.get(request.job)
    if source.kind not in ("mine", "export") or source.state != "succeeded":
        raise Conflict(f"an export needs a job of kind mine or export that succeeded: that job is {source.state}, of kind {source.kind}")
    inherited = {name: value for name, value in upgrade_stored_config(source.spec["config"]).items() if value is not None}
    changes = dict(request.config)
    if "model" in changes and changes["model"] == public(str(inherited.get("model"))):
        changes["model"] = inherited["model"]  # earlier versions stored the model's folder, not its public name
    for name in ("model", "revision"):
        if changes.get(name, inherited.get(name)) != inherited.get(name):
            raise ConfigError(f"{name} cannot change without mining again")
    config = MiningConfig.of(**overlay(changes, Layers(stored=inherited), RETRIEVAL_SETTINGS))
    check_kind(config, request.file_kind)
    stores.settings.known_models.check_judges(config.judges)
    reviews = {}
    if request.verdicts:
        from miner.runs.verdict_files import with_verdict_filter

        config, reviews = with_verdict_filter(config, True), {"reviews": _last_review(request.job, stores)}
    return {**request.model_dump(mode="json"), **reviews, "config": config.model_dump(mode="json")}


def _last_review(job_id: str, stores: Stores) -> int:
    """The number of the last review to apply, stored so that a retry applies the same ones. Conflict when there are no reviews."""
    last = stores.reviews.last(job_id)
    if not stores.reviews.current(job_id, last):
        raise Conflict("there are no reviews of that job: give a verdict first, or leave `verdicts` out")
    return last


def prepare(spec: JobSpec, stores: Stores, folder: Path) -> JobSpec:
    """Write the reviews of the source job as a verdict file, and name its run. NotFound when that job was deleted."""
    source = stores.queue.get(spec["job"])
    if spec.get("verdicts"):
        (folder / VERDICTS).parent.mkdir(exist_ok=True)
        write_bytes(folder / VERDICTS, verdict_file(stores.reviews.current(source.id, spec["reviews"])))
    config = spec["config"]
    if config.get("variations") or config.get("judges"):  # the run's model scores variations, the judges' own score pairs
        config = stores.settings.known_models.linked_config(config, folder)
    return {**spec, "config": config, "run": f"../{source.id}/run"}


def run(spec: JobSpec, runtime: Runtime, on_progress: Progress) -> Outcome:
    """In the child: choose negatives again, into the folder `run`."""
    from miner.runs.run import Run, export

    source, config = Run(Path(spec["run"])), MiningConfig.of(**spec["config"])
    verdicts = [VERDICTS] if spec.get("verdicts") else []
    kind = suffix_of(spec)
    chosen = export(source, config, out="run", kind=kind, force=True, verdicts=verdicts, on_progress=on_progress, runtime=runtime)
    return outcome_of(chosen)

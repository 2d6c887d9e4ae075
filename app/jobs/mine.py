"""Kind `mine`: the library's `mine` over files and stored corpora. It writes the same bytes as the command line for the same config."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field

from app.errors import Conflict
from app.jobs.stores import Stores
from app.jobs.task import Outcome, link
from app.schemas import STRICT
from app.storage.files import MEDIA_TYPES
from app.storage.job_output import Output
from app.storage.job_rows import JobSpec
from miner.config import Inputs, MiningConfig, Runtime
from miner.errors import ConfigError
from miner.formats import FORMATS
from miner.types import Progress

FileKind = Literal["jsonl", "jsonl.gz", "jsonl.zst", "json", "parquet"] | None


def _one_name(value: Any) -> Any:
    if isinstance(value, list | tuple):
        raise ValueError(f"one name or id is needed, a string, and here is a list of {len(value)}: a job reads one file here, so join them")
    return value


def _names(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError(f'a list of ids is needed, as ["{value}"]')
    return value


OneFile = Annotated[str | None, BeforeValidator(_one_name)]


class JobInputs(BaseModel):
    """What is read: files by id, a corpus by name or id. The same choices as on the command line."""

    model_config = STRICT

    corpus: OneFile = Field(None, description="a stored corpus (name or id), or a file of passages")
    queries: OneFile = Field(None, description="a file of queries")
    qrels: Annotated[tuple[str, ...], BeforeValidator(_names)] = Field((), description="files of judgements")
    pairs: OneFile = Field(None, description="a file of (query, positive) rows")
    fields: dict[str, str] = Field(default_factory=dict, description="your column names: query=question, positive=answer …")
    on_error: Literal["fail", "skip"] = "fail"


class MineJob(BaseModel):
    """Mine hard negatives, and write a training file."""

    model_config = STRICT

    kind: Literal["mine"]
    inputs: JobInputs
    config: MiningConfig = MiningConfig.of()
    file_kind: FileKind = Field(None, description="file type of the training file; default: the format's own")


def resolve(request: MineJob, stores: Stores) -> JobSpec:
    """The spec: the request with the operator's model, its files and corpus checked. NotFound, Conflict, ConfigError."""
    inputs = request.inputs
    file_ids = [inputs.queries, inputs.pairs, *inputs.qrels]
    version = None
    if inputs.corpus and not inputs.corpus.startswith("file_"):
        corpus = stores.corpora.get(inputs.corpus)
        if corpus.ready is None:
            raise Conflict("this corpus has no version that is ready: see its job")
        version = {"id": corpus.id, "version": corpus.ready.version}
    else:
        file_ids.append(inputs.corpus)
    for file_id in filter(None, file_ids):
        stores.files.get(file_id)
    Inputs.of(**inputs.model_dump())  # ConfigError for inputs that do not go together
    config = stores.settings.resolved(request.config)
    check_kind(config, request.file_kind)
    return {**request.model_dump(mode="json"), "config": config.model_dump(mode="json"), "corpus": version}


def prepare(spec: JobSpec, stores: Stores, folder: Path) -> JobSpec:
    """Link the inputs and the model into the job's folder. Return the spec with their paths in place of ids."""
    inputs = dict(spec["inputs"])
    for role in ("queries", "pairs", "corpus"):
        if inputs[role] and not (role == "corpus" and spec["corpus"]):
            inputs[role] = _link_file(inputs[role], role, stores, folder)
    inputs["qrels"] = [_link_file(file_id, f"qrels-{number}", stores, folder) for number, file_id in enumerate(inputs["qrels"], 1)]
    if spec["corpus"]:
        source = stores.corpora.passages(spec["corpus"]["id"], spec["corpus"]["version"])
        inputs["corpus"] = f"inputs/{source.name}"
        link(source, folder / inputs["corpus"])
    return {**spec, "inputs": inputs, "config": stores.settings.known_models.linked_config(spec["config"], folder)}


def run(spec: JobSpec, runtime: Runtime, on_progress: Progress) -> Outcome:
    """In the child: mine into the folder `run`."""
    from miner.runs.run import mine

    inputs, config = Inputs.of(**spec["inputs"]), MiningConfig.of(**spec["config"])
    return outcome_of(mine(inputs, config, out="run", runtime=runtime, kind=suffix_of(spec), force=True, on_progress=on_progress))


def check_kind(config: MiningConfig, file_kind: str | None) -> None:
    """ConfigError when the format is a folder of files, each of its own kind, or a variation needs code, which no request can bring."""
    for name, part in config.active_variations.items():
        if part.needs_function:
            raise ConfigError(
                f"variation '{name}' needs a function of yours, and no request can bring code: leave it out, or mine in Python"
            )
    if FORMATS[config.output_format].layout and file_kind is not None:
        raise ConfigError(f"output format '{config.output_format}' is a folder of several files, each of its own kind: leave file_kind out")


def suffix_of(spec: JobSpec) -> str | None:
    """The file kind as the library names it: by its suffix."""
    return f".{spec['file_kind']}" if spec["file_kind"] else None


def outcome_of(run: Any) -> Outcome:
    """The result of a finished run for the client: its counts, with training file, report and manifest as files."""
    from miner.runs.variation_file import FILE as VARIATIONS

    hashes = {name: output["sha256"] for name, output in run.manifest["outputs"].items()}
    training_files = sorted(path.relative_to(run.folder).as_posix() for path in run.file.rglob("*") if path.is_file())
    names = {name.replace("/", ".", 1): name for name in training_files} if run.file.is_dir() else {"training_file": run.file.name}
    names |= {"report": "report.json", "report_page": "report.html", "manifest": "manifest.json"}
    if VARIATIONS in hashes:
        names["variations"] = VARIATIONS
    outputs = [_output(role, name, hashes) for role, name in names.items()]
    result = {"counts": run.manifest["counts"], "mining": run.report["counts"], "columns": run.report.get("columns", {})}
    return Outcome(result, outputs)


def _output(role: str, name: str, hashes: dict[str, str]) -> Output:
    from miner.io.atomic import sha256_of

    suffix = next((kind for kind in MEDIA_TYPES if name.endswith(kind)), ".txt")
    return Output(role, name, f"run/{name}", suffix, hashes.get(name) or sha256_of(f"run/{name}"))


def _link_file(file_id: str, role: str, stores: Stores, folder: Path) -> str:
    """Link a file into the job's folder. Return its path there."""
    file = stores.files.get(file_id)
    name = f"inputs/{role}{file.suffix}"
    link(stores.files.path(file), folder / name)
    return name

"""Kind `mine`: the library's own `mine`, over files and stored corpora. The same bytes as the command line writes for the same config."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field

from app.errors import Conflict
from app.jobs.stores import Stock
from app.jobs.task import Outcome, link
from app.schemas import STRICT
from app.storage.files import MEDIA
from app.storage.job_output import Output
from miner.config import Inputs, MiningConfig, Runtime
from miner.errors import ConfigError
from miner.formats import FORMATS
from miner.types import Progress

FileKind = Literal["jsonl", "jsonl.gz", "jsonl.zst", "json", "parquet"] | None


class JobInputs(BaseModel):
    """What is read: files by id, a corpus by name or id. The same choices as on the command line."""

    model_config = STRICT

    corpus: str | None = Field(None, description="a stored corpus (name or id), or a file of passages")
    queries: str | None = Field(None, description="a file of queries")
    qrels: tuple[str, ...] = Field((), description="files of judgements")
    pairs: str | None = Field(None, description="a file of (query, positive) rows")
    fields: dict[str, str] = Field(default_factory=dict, description="your column names: query=question, positive=answer …")
    on_error: Literal["fail", "skip"] = "fail"


class MineJob(BaseModel):
    """Mine hard negatives, and write a training file."""

    model_config = STRICT

    kind: Literal["mine"]
    inputs: JobInputs
    config: MiningConfig = MiningConfig.of()
    file_kind: FileKind = Field(None, description="what the training file is written as; default: what suits the format")


def resolve(asked: MineJob, stock: Stock) -> dict[str, Any]:
    """The spec with the operator's model, and with every name looked up. NotFound, Conflict, ConfigError say what is wrong."""
    given = asked.inputs
    files = [given.queries, given.pairs, *given.qrels]
    corpus = None
    if given.corpus and not given.corpus.startswith("file_"):
        found = stock.corpora.get(given.corpus)
        if found.ready is None:
            raise Conflict("this corpus has no version that is ready: see its job")
        corpus = {"id": found.id, "version": found.ready.version}
    else:
        files.append(given.corpus)
    for name in filter(None, files):
        stock.files.get(name)
    Inputs.of(**given.model_dump())  # which of them go together
    config = stock.settings.resolved(asked.config)
    check_kind(config, asked.file_kind)
    return {**asked.model_dump(mode="json"), "config": config.model_dump(mode="json"), "corpus": corpus}


def prepare(spec: dict[str, Any], stock: Stock, folder: Path) -> dict[str, Any]:
    """Link what is read into the job's folder; the spec with paths in it."""
    given = dict(spec["inputs"])
    for role in ("queries", "pairs", "corpus"):
        if given[role] and not (role == "corpus" and spec["corpus"]):
            given[role] = _linked(given[role], role, stock, folder)
    given["qrels"] = [_linked(name, f"qrels-{place}", stock, folder) for place, name in enumerate(given["qrels"], 1)]
    if spec["corpus"]:
        source = stock.corpora.passages(spec["corpus"]["id"], spec["corpus"]["version"])
        given["corpus"] = f"inputs/{source.name}"
        link(source, folder / given["corpus"])
    return {**spec, "inputs": given, "config": stock.settings.known_models.given(spec["config"], folder)}


def work(spec: dict[str, Any], runtime: Runtime, on_progress: Progress) -> Outcome:
    """In the child: mine, and tell what was made."""
    from miner.runs.run import mine

    inputs, config = Inputs.of(**spec["inputs"]), MiningConfig.of(**spec["config"])
    run = mine(inputs, config, out="run", runtime=runtime, kind=suffix_of(spec), force=True, on_progress=on_progress)
    return told(run)


def check_kind(config: MiningConfig, file_kind: str | None) -> None:
    """ConfigError when the format is a folder of files, each of its own kind."""
    if FORMATS[config.output_format].layout and file_kind is not None:
        raise ConfigError(f"output format '{config.output_format}' is a folder of several files, each of its own kind: leave file_kind out")


def suffix_of(spec: dict[str, Any]) -> str | None:
    """What the library calls the kind."""
    return f".{spec['file_kind']}" if spec["file_kind"] else None


def told(run: Any) -> Outcome:
    """A finished run as the client sees it: counts, and training file, report and manifest as files."""
    hashes = {name: output["sha256"] for name, output in run.manifest["outputs"].items()}
    several = sorted(path.relative_to(run.folder).as_posix() for path in run.file.rglob("*") if path.is_file())
    named = {name.replace("/", ".", 1): name for name in several} if run.file.is_dir() else {"training_file": run.file.name}
    named |= {"report": "report.json", "report_page": "report.html", "manifest": "manifest.json"}
    outputs = [_output(role, name, hashes) for role, name in named.items()]
    told = {"counts": run.manifest["counts"], "mining": run.report["counts"], "columns": run.report.get("columns", {})}
    return Outcome(told, outputs)


def _output(role: str, name: str, hashes: dict[str, str]) -> Output:
    from miner.io.atomic import sha256_of

    suffix = next((kind for kind in MEDIA if name.endswith(kind)), ".txt")
    return Output(role, name, f"run/{name}", suffix, hashes.get(name) or sha256_of(f"run/{name}"))


def _linked(file_id: str, role: str, stock: Stock, folder: Path) -> str:
    file = stock.files.get(file_id)
    name = f"inputs/{role}{file.suffix}"
    link(stock.files.path(file), folder / name)
    return name

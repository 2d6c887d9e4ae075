"""A run folder: read, retrieve, choose, write, report, manifest. What the command line, the service and Python all call.

    RUN/triplets.jsonl      the training file (elsewhere when --out names a file)
        verdicts.jsonl      what was said of pairs, where anything was
        candidates.parquet  pass 1: what was retrieved, with scores and evidence; a folder, one Parquet file per block of queries
        dataset/            the texts and judgements, memory-mapped: the run needs nothing else to be exported again
        report.json, report.html, manifest.json

A run folder is absent or complete: it is built under a hidden name and renamed. The manifest tells what made it.
"""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from miner.config import Inputs, MiningConfig, Runtime
from miner.config.groups import RETRIEVAL_SETTINGS
from miner.errors import ConfigError, StorageError
from miner.evidence import ALWAYS, EVIDENCE, FROM_TEXTS, TABLES
from miner.formats import file_rows
from miner.io.atomic import storing
from miner.io.plain_files import read_bytes
from miner.io.scratch import remove_leftovers, remove_scratch
from miner.read import read
from miner.read.rejects import OnError
from miner.runs import manifest as manifests
from miner.runs import open_source, pass_one, pass_two
from miner.runs.files_in_use import hashes_of, is_link, refuse_overwriting_inputs, vector_files
from miner.runs.mine_arguments import config_of, inputs_of, path_names
from miner.runs.obtain_candidates import obtain_candidates
from miner.runs.open_source import open_vectors
from miner.runs.progress_bars import watched
from miner.runs.reuse import take_dataset, take_first_pass
from miner.runs.row_tables import RowTables
from miner.runs.run_context import DATA_FILES, SHARED_ARTIFACTS, RunContext
from miner.runs.run_folder import BLOCKS, Target, parent_folders, target
from miner.runs.summary import NotebookReport, log_summary, page_frame
from miner.runs.variation_vectors import check_variations, scoring_vectors, vectors_of_run
from miner.runs.verdict_files import FILE as VERDICTS
from miner.runs.verdict_files import read_verdicts, with_verdict_filter, write_verdicts
from miner.types import Dataset, Progress

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run(RowTables):
    """A finished run on disk."""

    folder: Path

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What made it."""
        return manifests.load_whole(self.folder)

    @cached_property
    def report(self) -> NotebookReport:
        """The numbers beside the training file."""
        import orjson

        path = self.folder / "report.json"
        with storing(path, "read"):
            text = read_bytes(path)
        with suppress(ValueError):
            loaded = orjson.loads(text)
            if isinstance(loaded, dict) and "counts" in loaded:
                return NotebookReport(loaded, self.folder / "report.html")
        raise StorageError(f"{path} is damaged: it is not the report of a run")

    @property
    def config(self) -> MiningConfig:
        """The resolved config."""
        return MiningConfig.of_stored(self.manifest["config"])

    @property
    def file(self) -> Path:
        """The training file, or datasets folder."""
        return Path(os.path.normpath(self.folder / self.manifest["training_file"]))

    @property
    def hashes(self) -> dict[str, str]:
        """Of what pass 1 and reading left, which choosing again starts from. IntegrityError where any of it is not as the run left it."""
        return manifests.check(self.folder, self.manifest, (*SHARED_ARTIFACTS, *(f"dataset/{name}" for name in DATA_FILES)))

    @property
    def candidates(self) -> Path:
        """The folder of stored candidates, checked as `hashes` says."""
        _ = self.hashes
        return self.folder / BLOCKS

    @property
    def dataset(self) -> Dataset:
        """The texts and judgements the run was made from."""
        return Dataset.open(self.folder / "dataset")

    def _repr_html_(self) -> str | None:
        return page_frame(self.folder / "report.html")

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows of the training file; of a format's folder, those of its main file."""
        # Not return: a temporary run must live as long as its rows are read.
        yield from file_rows(self.file, self.config.output_format)

    def differences(self) -> list[str]:
        """What no longer matches the manifest; empty when the run is whole."""
        return list(manifests.differences(self.folder))


def mine(
    data: Any,
    config: MiningConfig | Mapping[str, Any] | None = None,
    *,
    corpus: Any = None,
    fields: Mapping[str, str] | None = None,
    split: str | None = None,
    on_error: OnError = "fail",
    out: str | Path | None = None,
    model: Any = None,
    runtime: Runtime | Mapping[str, Any] | None = None,
    kind: str | None = None,
    force: bool = False,
    resume: bool | None = None,
    verdicts: Sequence[str | Path] = (),
    spare: Sequence[str | Path] = (),
    judge_models: Mapping[str, Any] | None = None,
    progress: bool | None = None,
    on_progress: Progress | None = None,
    paraphrase: Callable[[str], str] | None = None,
) -> Run:
    """Mine hard negatives: both passes, from data to a run folder.

    data: (query, positive) pairs as a pandas or polars DataFrame, a datasets.Dataset, an Arrow table, a dict of columns, an iterable of
        dicts, or files of them; a BEIR folder; a Dataset (from `read_beir` …) or Inputs.
    config: a MiningConfig, or a dict of its settings.
    corpus: further passages, in any of the forms of pairs.
    fields: the column of each field, where it has another name than the usual: {"query": "title", "positive": "body"}.
    split: the split of a DatasetDict, or the qrels of a BEIR folder.
    on_error: "fail" at an invalid row, or "skip" it, write it to the error file and count it.
    out: a folder, a file name (its run lies beside it, in NAME.run), "-" for standard output, or None for a temporary run that is removed
        with the returned object.
    model: a name or folder, a loaded SentenceTransformer or an Encoder; default: the one that `config` names.
    runtime: device, threads, batch size and embedding store.
    kind: suffix of the training file in a folder, "" for a datasets folder; default: the format's own, mostly .jsonl. A format of several
        files lies in a folder of its name.
    force: replace an earlier run.
    resume: the blocks that an interrupted run left are used where data, model, settings and versions are the same. None: else start again;
        True: else refuse; False: always start again.
    verdicts: files of verdicts, beside those that `data` names; they do not change what is retrieved.
    spare: further files that `out` may not replace, such as the one `config` is from. Files that are read are protected anyway.
    judge_models: loaded models of second judges by their names in the config, such as {"cross-encoder": CrossEncoder(…)}.
    progress: whether to show progress bars; default: in a notebook and on a terminal.
    on_progress: called in place of the bars.
    paraphrase: your function for the variation of that name: a text in, the same in other words out.
    Raises ConfigError, InputError, ModelError, StorageError; then nothing is left behind but blocks that a later run can use.
    """
    data = inputs_of(data, corpus, fields, split, on_error)
    config, model = config_of(config, model)
    runtime, spare = Runtime.of_argument(runtime), path_names("spare", spare)
    paths = [*(data.verdicts if isinstance(data, Inputs) else ()), *path_names("verdicts", verdicts)]
    verdict_rows, config = read_verdicts(paths), with_verdict_filter(config, bool(paths))
    open_source.check(data, config, model, runtime, judge_models)
    check_variations(config, paraphrase)
    remove_leftovers(parent_folders(out))
    with watched(progress, on_progress) as callback, target(out, kind, force, config.output_format) as destination:
        context = RunContext(config, runtime, callback, paraphrase, judge_models)
        with context.stage("read"), storing(destination.folder):
            folder = destination.folder / "dataset"
            dataset = take_dataset(data, folder) if isinstance(data, Dataset) else read(data, folder, config.min_grade)
            if paths:
                write_verdicts(destination.folder, dataset, verdict_rows)
        with context.stage("load model"):
            vectors = open_vectors(data, config, context.runtime, model, context.progress)
            scoring = scoring_vectors(vectors, config)
            for name in config.active_judges:
                context.judge(name)
        refuse_overwriting_inputs(destination, [*dataset.inputs, *paths, *vector_files(vectors), *spare])
        made_from = obtain_candidates(dataset, vectors, context, destination, resume)
        inputs = data.model_dump(mode="json") if isinstance(data, Inputs) else None
        files = {**dataset.inputs, **hashes_of({path: path for path in paths if path != "-"}), **vector_files(vectors)}
        base = manifests.relative_base(destination.final, Path.cwd())
        sections: manifests.Sections = {
            "inputs": inputs,
            "model": pass_one.first_model(vectors),
            "files": files,
            "seen_from": base,
            "made_from": made_from,
        }
        pass_two.second_pass(dataset, context, destination, sections, None, scoring)
    run = _open_run(destination)
    log_summary(run.report)
    return run


def export(
    run: Run | str | Path,
    config: MiningConfig | Mapping[str, Any],
    *,
    out: str | Path | None = None,
    kind: str | None = None,
    force: bool = False,
    verdicts: Sequence[str | Path] = (),
    spare: Sequence[str | Path] = (),
    judge_models: Mapping[str, Any] | None = None,
    on_progress: Progress | None = None,
    model: Any = None,
    runtime: Runtime | None = None,
    paraphrase: Callable[[str], str] | None = None,
) -> Run:
    """Choose and write again from stored candidates. The result is a run of its own that shares pass 1 (hard links).

    It needs no model unless variations are made.

    run: a Run, or its folder.
    config: a MiningConfig, or a dict of its settings.
    verdicts: files of verdicts, added to those already in the run; the latest verdict on a pair counts.
    out, kind, force, spare, judge_models, on_progress, paraphrase: as for `mine`.
    model, runtime: as for `mine`. The run's model is used where variations are made, which it scores; that of a second judge where a
        pair is asked about that it has not scored.
    ConfigError when `config` changes a setting of the search.
    """
    run = run if isinstance(run, Run) else Run(Path(run))
    config, _ = config_of(config, None)
    verdicts, spare = path_names("verdicts", verdicts), path_names("spare", spare)
    for name in RETRIEVAL_SETTINGS:
        before, after = getattr(run.config, name), getattr(config, name)
        if before != after:
            raise ConfigError(f"{name} was {before!r} when this run was mined, and cannot become {after!r} without mining again")
    check_evidence(config, run)
    run_verdicts = [path for path in (run.folder / VERDICTS,) if path.exists()]
    verdict_rows, config = read_verdicts([*run_verdicts, *verdicts]), with_verdict_filter(config, bool(run_verdicts or verdicts))
    check_variations(config, paraphrase)
    context = RunContext(config, Runtime.of_argument(runtime), on_progress, paraphrase, judge_models)
    _ = run.hashes
    remove_leftovers(parent_folders(out))
    with target(out, kind, force, config.output_format) as destination:
        refuse_overwriting_inputs(destination, [*verdicts, *spare])
        dataset = take_dataset(run.dataset, destination.folder / "dataset")
        if run_verdicts or verdicts:
            write_verdicts(destination.folder, dataset, verdict_rows)
        take_first_pass(run.folder, destination.folder)
        scoring = vectors_of_run(run.folder, run.manifest, dataset, config, context.runtime, model, context.progress)
        sections = manifests.inherited(run.manifest)
        base = manifests.base(run.folder, run.manifest)
        sections["seen_from"] = manifests.relative_base(destination.final, base)
        verdict_files = {
            os.path.relpath(path, base) if not Path(path).is_absolute() else str(path): path for path in verdicts if str(path) != "-"
        }
        sections["files"] = {**sections["files"], **hashes_of(verdict_files)}
        if sections["inputs"]:
            sections["inputs"] = {**sections["inputs"], "verdicts": [*sections["inputs"].get("verdicts", ()), *verdict_files]}
        pass_one.judge_candidates(dataset, context, destination, sections["retrieval"])
        context.hashes |= {
            destination.folder / name: sha256
            for name, sha256 in run.hashes.items()
            if is_link(run.folder / name, destination.folder / name)
        }
        pass_two.second_pass(dataset, context, destination, sections, destination.blocks, scoring)
    chosen = _open_run(destination)
    log_summary(chosen.report)
    return chosen


def check_evidence(config: MiningConfig, run: Run) -> None:
    """ConfigError for evidence that choosing again by `config` would need and that was not stored."""
    stored_evidence = run.manifest["retrieval"].get("evidence", ALWAYS)
    for name, user in config.needed.items():
        if name in (*EVIDENCE, *TABLES) and name not in stored_evidence and name not in FROM_TEXTS:
            raise ConfigError(f"{user} needs '{name}', which was not measured when this run was mined; mine again with --evidence {name}")


def _open_run(destination: Target) -> Run:
    """The run; a temporary one goes with the object."""
    run = Run(destination.final)
    if destination.temporary:
        weakref.finalize(run, remove_scratch, destination.final.parent)
    return run

"""A run folder: read, retrieve, choose, write, report, manifest. What the command line, the service and Python all call.

    RUN/triplets.jsonl      the training file (elsewhere when --out names a file)
        verdicts.jsonl      what was said of pairs, where anything was
        candidates.parquet  pass 1: what was retrieved, with scores and evidence; a folder, one Parquet file per block of queries
        dataset/            the texts and judgements, memory-mapped: the run needs nothing else to be exported again
        report.json, report.html, manifest.json

A run folder is absent or complete: it is built under a hidden name and renamed. The manifest tells what made it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from miner.config import Inputs, MiningConfig, Runtime
from miner.config.groups import EncoderSettings, RetrievalSettings
from miner.errors import ConfigError, StorageError
from miner.evidence import ALWAYS, EVIDENCE, FROM_TEXTS, TABLES
from miner.formats import file_rows
from miner.io.atomic import storing
from miner.io.row_files import sha256_of
from miner.io.scratch import remove_scratch, sweep
from miner.read import read
from miner.runs import manifest as manifests
from miner.runs import open_source, passes, preflight
from miner.runs.open_source import open_vectors
from miner.runs.reuse import first_pass_of, take_dataset, take_first_pass
from miner.runs.run_folder import BLOCKS, Target, homes, target
from miner.runs.verdict_files import FILE as VERDICTS
from miner.runs.verdict_files import keep_verdicts, read_verdicts
from miner.types import Dataset, Progress, Vectors

log = logging.getLogger(__name__)

FIRST_PASS = (*EncoderSettings.model_fields, *RetrievalSettings.model_fields)
"""Settings that pass 1 has used up: an export cannot change them."""

PASSED_DOWN: tuple[str, ...] = ("inputs", "model", "files", "retrieval", "made_from")
"""What the manifest of an export says as that of its run does."""


@dataclass(frozen=True)
class Run:
    """A finished run on disk."""

    folder: Path

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What made it."""
        return manifests.load_whole(self.folder)

    @cached_property
    def report(self) -> dict[str, Any]:
        """The numbers beside the training file."""
        import orjson

        path = self.folder / "report.json"
        with storing(path, "read"):
            text = path.read_bytes()
        with suppress(ValueError):
            loaded = orjson.loads(text)
            if isinstance(loaded, dict) and "counts" in loaded:
                return loaded
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
        return manifests.check(self.folder, self.manifest, (*passes.PASSED_ON, *(f"dataset/{name}" for name in passes.DATA_FILES)))

    @property
    def candidates(self) -> Path:
        """The folder of stored candidates, checked as `hashes` says."""
        _ = self.hashes
        return self.folder / BLOCKS

    @property
    def dataset(self) -> Dataset:
        """The texts and judgements the run was made from."""
        return Dataset.open(self.folder / "dataset")

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows of the training file; of a format's folder, those of its main file."""
        # Not return: a temporary run must live as long as its rows are read.
        yield from file_rows(self.file, self.config.output_format)

    def differences(self) -> list[str]:
        """What no longer matches the manifest; empty when the run is whole."""
        return list(manifests.differences(self.folder))


def mine(
    data: Inputs | Dataset,
    config: MiningConfig,
    *,
    out: str | Path | None = None,
    model: Any = None,
    runtime: Runtime | None = None,
    kind: str | None = None,
    force: bool = False,
    resume: bool | None = None,
    verdicts: Sequence[str | Path] = (),
    spare: Sequence[str | Path] = (),
    on_progress: Progress | None = None,
) -> Run:
    """Mine hard negatives: both passes, from data to a run folder.

    data: a Dataset (from `read_beir` …) or Inputs. model: an Encoder, or a loaded SentenceTransformer; default: the one `config` names.
    out: a folder, a file name (its run goes beside it, in NAME.run), "-" for standard output, or None for a temporary run that goes
    with the returned object. kind: suffix of the training file in a folder, "" for a datasets folder; default: the
    format's own, mostly .jsonl. A format of several files lies in a folder of its name. force: replace an earlier run.
    resume: what to do with the blocks an interrupted run left there: None goes on with them when data, model, settings and versions are
    the same, True refuses when they are not, False begins anew.
    verdicts: files of verdicts, beside those that `data` names; they do not change what is retrieved.
    spare: further files that `out` may not replace, such as the one `config` is from; what is read is spared anyway.
    Raises ConfigError, InputError, ModelError, StorageError; then nothing is left behind but blocks that can be gone on with.
    """
    paths = [*(data.verdicts if isinstance(data, Inputs) else ()), *map(str, verdicts)]
    said, config = read_verdicts(paths), heeding(config, bool(paths))
    work = passes.Work(config, runtime or Runtime.of(), on_progress)
    open_source.check(data, config, model)
    sweep(homes(out))
    with target(out, kind, force, config.output_format) as place:
        with work.stage("read"), storing(place.folder):
            folder = place.folder / "dataset"
            dataset = take_dataset(data, folder) if isinstance(data, Dataset) else read(data, folder, config.min_grade)
            if paths:
                keep_verdicts(place.folder, dataset, said)
        with work.stage("load model"):
            vectors = open_vectors(data, config, work.runtime, model, work.progress)
        _check_spared(place, [*dataset.inputs, *paths, *_vector_files(vectors), *spare])
        made_from = _first_pass(dataset, vectors, work, place, resume)
        given = data.model_dump(mode="json") if isinstance(data, Inputs) else None
        files = {**dataset.inputs, **_hashes({path: path for path in paths if path != "-"}), **_vector_files(vectors)}
        seen = manifests.seen_from(place.final, Path.cwd())
        known = {"inputs": given, "model": passes.first_model(vectors), "files": files, "seen_from": seen, "made_from": made_from}
        passes.second_pass(dataset, work, place, known)
    return _finished(place)


def _first_pass(dataset: Dataset, vectors: Mapping[str, Vectors], work: passes.Work, place: Target, resume: bool | None) -> str:
    """Taken over from the run that is replaced, gone on with, or made; returns a hash of everything it follows from."""
    made_from = _made_from(dataset, vectors, work)
    digest = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()
    stored = None if resume is False else first_pass_of(place.final, digest)
    if stored is None:
        preflight.check_room(preflight.room(dataset, vectors, work.config), place.folder, work.runtime.cache)
    if stored is None and preflight.worth(dataset, preflight.unknown(dataset, vectors)):
        with work.stage("rehearse"), storing(place.folder):
            _rehearse(dataset, vectors, work, place)
    if place.begin(made_from, resume):
        log.info("going on with the blocks of an interrupted run")
    if stored is not None:
        log.info("nothing that candidates follow from has changed: those of the run in %s are reused", place.final)
        take_first_pass(place.final, place.folder)
        work.retrieval = stored
    with tempfile.TemporaryDirectory(dir=place.folder, prefix=".vectors-") as scratch, storing(place.folder):
        make = passes.first_pass if stored is None else passes.complete_first_pass
        make(dataset, vectors, work, place, Path(scratch))
    return digest


def _made_from(dataset: Dataset, vectors: Mapping[str, Vectors], work: passes.Work) -> dict[str, Any]:
    """Everything the candidates follow from: a block of another run may be used only where all of it is the same."""
    folder, config = dataset.corpus.path.parent, work.config
    return {
        "settings": {name: getattr(config, name) for name in FIRST_PASS if name != "evidence"},
        "min_grade": dataset.qrels.min_grade,
        "data": {name: work.sha256_of(folder / name) for name in passes.DATA_FILES if (folder / name).exists()},
        "models": {name: each.describe() for name, each in vectors.items()},
        "versions": {name: version for name, version in manifests.versions().items() if name != "faiss-simd"},
        "code": manifests.code(),
    }


def _rehearse(dataset: Dataset, vectors: Mapping[str, Vectors], work: passes.Work, place: Target) -> None:
    """Every stage of this run on ten queries, beside it."""
    tried = passes.Work(preflight.settings(work.config, vectors), work.runtime, None)

    def both(small: Dataset) -> tuple[Path, str, int]:
        name = "triplets.jsonl" if place.file == "-" else Path(place.file).name
        inside = Target(folder, str(folder / name), folder, name)
        passes.first_pass(small, preflight.trial(vectors), tried, inside, _made(folder / "scratch"))
        report = passes.second_pass(small, tried, inside, {"inputs": None, "model": passes.first_model(vectors), "files": {}})
        return folder / name, tried.config.output_format, report["rows_written"]

    with tempfile.TemporaryDirectory(dir=place.folder, prefix=".rehearsal-") as path:
        folder = Path(path)
        preflight.rehearse(dataset, folder, both)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def export(
    run: Run,
    config: MiningConfig,
    *,
    out: str | Path | None = None,
    kind: str | None = None,
    force: bool = False,
    verdicts: Sequence[str | Path] = (),
    spare: Sequence[str | Path] = (),
    on_progress: Progress | None = None,
) -> Run:
    """Choose and write again from stored candidates, without the model. The result is a run of its own that shares pass 1 (hard links).

    verdicts: files of verdicts, which join those the run has heard already; the last word about a pair counts.
    spare: further files that `out` may not replace.
    ConfigError when `config` differs in something pass 1 has used up.
    """
    for name in FIRST_PASS:
        was, wanted = getattr(run.config, name), getattr(config, name)
        if was != wanted:
            raise ConfigError(f"{name} was {was!r} when this run was mined, and cannot become {wanted!r} without mining again")
    check_evidence(config, run)
    heard = [path for path in (run.folder / VERDICTS,) if path.exists()]
    said, config = read_verdicts([*heard, *verdicts]), heeding(config, bool(heard or verdicts))
    work = passes.Work(config, Runtime.of(), on_progress)
    _ = run.hashes
    sweep(homes(out))
    with target(out, kind, force, config.output_format) as place:
        _check_spared(place, [*verdicts, *spare])
        dataset = take_dataset(run.dataset, place.folder / "dataset")
        if heard or verdicts:
            keep_verdicts(place.folder, dataset, said)
        take_first_pass(run.folder, place.folder)
        known = {name: run.manifest[name] for name in PASSED_DOWN if name in run.manifest}
        base = manifests.base(run.folder, run.manifest)
        known["seen_from"] = manifests.seen_from(place.final, base)
        named = {os.path.relpath(path, base) if not Path(path).is_absolute() else str(path): path for path in verdicts if str(path) != "-"}
        known["files"] = {**known["files"], **_hashes(named)}
        if known["inputs"]:
            known["inputs"] = {**known["inputs"], "verdicts": [*known["inputs"].get("verdicts", ()), *named]}
        work.hashes |= {
            place.folder / name: sha256 for name, sha256 in run.hashes.items() if _is_link(run.folder / name, place.folder / name)
        }
        passes.second_pass(dataset, work, place, known, run.candidates)
    return _finished(place)


def _is_link(source: Path, target: Path) -> bool:
    """Whether a file, or each file of a folder, is the very same one: what is known of its bytes holds for both."""
    pairs = [(file, target / file.name) for file in source.iterdir()] if source.is_dir() else [(source, target)]
    return all(one.is_file() and other.is_file() and one.samefile(other) for one, other in pairs)


def heeding(config: MiningConfig, heard: bool) -> MiningConfig:
    """The config with the filter of verdicts if there are any and nobody switched it off. ConfigError when it has none to go by."""
    if heard and not any(spec.partition(":")[0] == "verdict" for spec in config.filters):
        return config.with_filters("verdict")
    for name, wanted in (("filter 'verdict'", "verdict" in config.active_filters), ("false_negatives", config.false_negatives == "adopt")):
        if wanted and not heard:
            raise ConfigError(f"{name} goes by verdicts, and there are none: give a file of them with --verdicts")
    return config


def _hashes(named: Mapping[str, str | Path]) -> dict[str, dict[str, Any]]:
    """Verdict files, by the name the manifest gives them, as it tells of whatever was read."""
    return {name: {"bytes": Path(path).stat().st_size, "sha256": sha256_of(path)} for name, path in named.items()}


def _check_spared(place: Target, inputs: Sequence[str | Path]) -> None:
    """ConfigError where the run would take the place of something it reads."""
    for name in inputs:
        path = Path(os.path.realpath(name))
        if not place.temporary and any(taken == path or taken in path.parents for taken in place.places):
            raise ConfigError(f"{name} is read by this run, and --out would replace it: choose another --out")


def _vector_files(vectors: Mapping[str, Vectors]) -> dict[str, dict[str, Any]]:
    """Vectors made before, likewise."""
    return {name: told for each in vectors.values() for name, told in each.describe().get("files", {}).items()}


def check_evidence(config: MiningConfig, run: Run) -> None:
    """ConfigError for evidence that choosing again by `config` would need and that was not stored."""
    stored = run.manifest["retrieval"].get("evidence", ALWAYS)
    for name, who in config.needed.items():
        if name in (*EVIDENCE, *TABLES) and name not in stored and name not in FROM_TEXTS:
            raise ConfigError(f"{who} needs '{name}', which was not measured when this run was mined; mine again with --evidence {name}")


def _finished(place: Target) -> Run:
    """The run; a temporary one goes with the object."""
    run = Run(place.final)
    if place.temporary:
        weakref.finalize(run, remove_scratch, place.final.parent)
    return run

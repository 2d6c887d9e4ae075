"""The candidates of a run: taken over from the run that it replaces, resumed from an interrupted one, or retrieved.

Before anything long begins, every stage is tried on ten queries.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from miner.config.groups import RETRIEVAL_SETTINGS
from miner.io.atomic import storing
from miner.io.folder_tree import temporary_folder
from miner.runs import manifest as manifests
from miner.runs import pass_one, pass_two, preflight
from miner.runs.reuse import first_pass_of, take_first_pass
from miner.runs.run_context import DATA_FILES, RunContext
from miner.runs.run_folder import Target
from miner.types import Dataset, Vectors

log = logging.getLogger(__name__)


def obtain_candidates(
    dataset: Dataset, vectors: Mapping[str, Vectors], context: RunContext, destination: Target, resume: bool | None
) -> str:
    """Write the candidates into `destination`; return a hash of everything they follow from."""
    made_from = _retrieval_inputs(dataset, vectors, context)
    digest = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()
    reusable = None if resume is False else first_pass_of(destination.final, digest)
    if reusable is None:
        preflight.check_disk_space(preflight.disk_space(dataset, vectors, context.config), destination.folder, context.runtime.cache)
    if reusable is None and preflight.is_worthwhile(dataset, preflight.texts_to_encode(dataset, vectors)):
        with context.stage("rehearse"), storing(destination.folder):
            _preflight(dataset, vectors, context, destination)
    if destination.begin(made_from, resume):
        log.info("resuming from the blocks of an interrupted run")
    if reusable is not None:
        log.info("no setting or input of the search has changed: the candidates of the run in %s are reused", destination.final)
        take_first_pass(destination.final, destination.folder)
    with temporary_folder(destination.folder, ".vectors-") as scratch, storing(destination.folder):
        if reusable is None:
            pass_one.first_pass(dataset, vectors, context, destination, scratch)
        else:
            pass_one.complete_first_pass(dataset, vectors, context, reusable, destination, scratch)
    return digest


def _retrieval_inputs(dataset: Dataset, vectors: Mapping[str, Vectors], context: RunContext) -> dict[str, Any]:
    """Everything the candidates follow from: a block of another run may be used only where all of it is the same."""
    folder, config = dataset.corpus.path.parent, context.config
    sampled = ("seed",) if config.recall is not None else ()  # it draws the queries that a search setting is chosen on
    return {
        "settings": {name: getattr(config, name) for name in (*RETRIEVAL_SETTINGS, *sampled) if name != "evidence"},
        "min_grade": dataset.qrels.min_grade,
        "data": {name: context.sha256_of(folder / name) for name in DATA_FILES if (folder / name).exists()},
        "models": {name: source_vectors.describe() for name, source_vectors in vectors.items()},
        "versions": {name: version for name, version in manifests.versions().items() if name != "faiss-simd"},
        "code": manifests.source_hash(),
    }


def _preflight(dataset: Dataset, vectors: Mapping[str, Vectors], context: RunContext, destination: Target) -> None:
    """Every stage of this run on ten queries, beside it."""
    preflight_context = RunContext(preflight.preflight_config(context.config, vectors), context.runtime, None, context.paraphrase)

    def run_passes(subset: Dataset) -> tuple[Path, str, int]:
        name = "triplets.jsonl" if destination.file == "-" else Path(destination.file).name
        small_target = Target(folder, str(folder / name), folder, name)
        trial, sections = preflight.trial_vectors(vectors), manifests.Sections(inputs=None, model=pass_one.first_model(vectors), files={})
        pass_one.first_pass(subset, trial, preflight_context, small_target, _make_folder(folder / "scratch"))
        first = pass_one.first_vectors(trial, context.config)
        report = pass_two.second_pass(subset, preflight_context, small_target, sections, vectors=first)
        return folder / name, preflight_context.config.output_format, report["rows_written"]

    with temporary_folder(destination.folder, ".rehearsal-") as folder:
        preflight.run_preflight(dataset, folder, run_passes)


def _make_folder(folder: Path) -> Path:
    folder.mkdir()
    return folder

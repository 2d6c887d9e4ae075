"""Repeats a run from its manifest in a temporary folder, and compares the training files byte by byte.

The inputs are the user's files, where they are unchanged, or the texts and judgements that every run stores; the latter also repeat a run
of a dataset in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from miner.config import Inputs, MiningConfig, Runtime
from miner.encode import load_encoder
from miner.encode.model import Encoder
from miner.errors import IntegrityError, ModelError
from miner.formats import FORMATS
from miner.io.row_writer import output_kind, sha256_of
from miner.io.scratch import scratch
from miner.runs import manifest as manifests
from miner.runs.candidate_store import read_blocks
from miner.runs.run import Run, mine
from miner.runs.verdict_files import FILE as VERDICTS
from miner.types import Dataset, Progress

STORED_ADVICE = "what the run itself keeps is enough: --stored"


@dataclass(frozen=True)
class Rerun:
    """The result of a rerun.

    rows, sha256: of the new training file.
    differences: empty where the bytes are equal.
    notes: versions that have changed.
    """

    rows: int
    sha256: str
    differences: list[str]
    notes: list[str]


def rerun(
    run: Run,
    *,
    stored: bool = False,
    fresh: bool = False,
    model: Any = None,
    runtime: Runtime | Mapping[str, Any] | None = None,
    on_progress: Progress | None = None,
) -> Rerun:
    """Repeat a run and list the differences.

    stored: read the dataset folder of the run instead of the user's files.
    fresh: encode all texts, with an empty vector store.
    model: the loaded model, for a run whose model was passed in memory.
    IntegrityError where an input, the texts of the run or the name of its training file is missing or changed, ModelError where the model
    has changed.
    """
    runtime, name = Runtime.of_argument(runtime), run.manifest["training_file"]
    if not name:
        raise IntegrityError(f"{run.folder} went to standard output: there is no training file to compare with")
    data, config = _data(run, stored), MiningConfig.of(**manifests.config(run.folder, run.manifest))
    with scratch() as folder:
        if fresh:
            runtime = runtime.model_copy(update={"cache": folder / "cache"})
        encoder = _encoder(run, data, config, runtime, model)
        options = {"out": folder / "again", "model": encoder, "runtime": runtime, "kind": _kind(name, config)}
        repeated = mine(data, config, verdicts=_verdicts(run, data), on_progress=on_progress, **options)
        entry = repeated.manifest["outputs"][repeated.manifest["training_file"]]
        is_same = entry["sha256"] == run.manifest["outputs"][name]["sha256"]
        notes = list(_notes(run.manifest["versions"], repeated.manifest["versions"]))
        return Rerun(
            repeated.manifest["counts"]["rows"], entry["sha256"], [] if is_same else list(_differences(run, repeated, name)), notes
        )


def _data(run: Run, use_stored: bool) -> Inputs | Dataset:
    """The inputs, which must be unchanged."""
    inputs, outputs = run.manifest.get("inputs"), run.manifest["outputs"]
    if inputs and not use_stored:
        for name, entry in run.manifest["files"].items():
            path = manifests.base(run.folder, run.manifest) / name
            if not path.exists():
                raise IntegrityError(f"input {path} is no longer where it was; {STORED_ADVICE}")
            if not manifests.is_same(path, entry):
                raise IntegrityError(f"input {path} has changed since; {STORED_ADVICE}")
        return Inputs.of(**manifests.inputs(run.folder, run.manifest))
    if inputs and inputs.get("query_vectors"):
        raise IntegrityError(
            f"{run.folder} used vectors made before, which it does not keep: it is made again from its inputs only, without --stored"
        )
    for name, entry in outputs.items():
        path = run.folder / name
        if name.startswith("dataset/") and (not path.exists() or sha256_of(path) != entry["sha256"]):
            raise IntegrityError(f"{path} is {'not what it was' if path.exists() else 'gone'}: the run cannot be made again from it")
    return run.dataset


def _verdicts(run: Run, data: Inputs | Dataset) -> list[Path]:
    """The verdicts file of the run, unless the inputs name the files of verdicts."""
    path = run.folder / VERDICTS
    return [path] if path.exists() and not (isinstance(data, Inputs) and data.verdicts) else []


def _encoder(run: Run, data: Inputs | Dataset, config: MiningConfig, runtime: Runtime, model: Any) -> Any:
    """The model, which must be that of the run; `model` where the run did not encode with the model of its config."""
    recorded = run.manifest.get("model") or {}
    if "content" not in recorded or not (config.model or model is not None or recorded.get("name") == "in memory"):
        return model
    if config.model is None and model is None:
        raise ModelError(f"{run.folder} was made with a model that was handed over in memory; hand it over again: rerun(run, model=…)")
    encoder = model if isinstance(model, Encoder) else load_encoder(config, runtime, model, untrained=True)
    if encoder.describe()["content"] != recorded["content"]:
        raise ModelError(
            f"model '{recorded.get('name')}' is not the one that made {run.folder}: weights, tokenizer or settings have changed since"
        )
    return encoder


def _kind(name: str, config: MiningConfig) -> str | None:
    """The suffix of the training file, "" for a datasets folder; None for a format of several files."""
    if FORMATS[config.output_format].layout:
        return None
    kind = output_kind(name)
    return "" if kind == "folder" else kind


def _differences(run: Run, repeated: Run, name: str) -> Iterator[str]:
    """Differences of the rows, then of pass 1."""
    if not run.file.exists() or sha256_of(run.file) != run.manifest["outputs"][name]["sha256"]:
        yield f"{name} cannot be compared row by row: it is {'not the file of its manifest' if run.file.exists() else 'gone'}"
    else:
        yield from _rows(run, repeated)
    yield from _first_pass(run, repeated)


def _rows(run: Run, repeated: Run) -> Iterator[str]:
    count, example = 0, ""
    counts = [run.manifest["counts"]["rows"], repeated.manifest["counts"]["rows"]]
    for number, (before, after) in enumerate(zip_longest(run.rows(), repeated.rows()), start=1):
        if before != after:
            count += 1
            example = example or _row(number, before, after)
    if counts[0] != counts[1]:
        yield f"{counts[0]:,} rows became {counts[1]:,}"
    yield f"{count:,} rows differ, the first one: {example}" if count else "the same rows lie in other bytes"


def _row(number: int, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> str:
    if before is None or after is None:
        return f"row {number}, which only {'the new' if before is None else 'the old'} file has"
    columns = [name for name in dict.fromkeys([*before, *after]) if before.get(name) != after.get(name)]
    return f"row {number}, in {', '.join(columns)}: {_clip(before.get(columns[0]))} became {_clip(after.get(columns[0]))}"


def _clip(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def _first_pass(run: Run, repeated: Run) -> Iterator[str]:
    """The number of queries with other candidates, and the change of scores where the candidates are equal."""
    candidates = [_by_query(one_run) for one_run in (run, repeated)]
    if candidates[0].keys() != candidates[1].keys():
        yield f"pass 1 is about {len(candidates[0]):,} queries then and {len(candidates[1]):,} now"
        return
    different, rescored, max_change = 0, 0, 0.0
    for query, (rows, scores) in candidates[0].items():
        now_rows, now_scores = candidates[1][query]
        if not np.array_equal(rows, now_rows):
            different += 1
        elif not np.array_equal(scores, now_scores, equal_nan=True):
            rescored += 1
            max_change = max(max_change, float(np.nanmax(np.abs(scores - now_scores))))
    if different or rescored:
        yield f"pass 1: {different:,} queries have other candidates, {rescored:,} others have other scores (by {max_change:.2g} at most)"
    else:
        yield "pass 1: the same candidates with the same scores; only choosing or writing differs"


def _by_query(run: Run) -> dict[int, tuple[Any, Any]]:
    parts = chain.from_iterable(block.longest for block in read_blocks(run.folder / "candidates.parquet"))
    return {int(query): (part.rows[i], part.scores[i]) for part in parts for i, query in enumerate(part.queries)}


def _notes(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) and after.get(name) and before[name] != after[name]:
            yield f"{name} was {before[name]}, is {after[name]}"

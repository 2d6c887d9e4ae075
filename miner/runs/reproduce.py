"""Does it come out again? A run made anew from its manifest in a temporary folder, and the training files compared byte for byte.

From the user's files, if they are where and what they were; or from the texts and judgements that every run keeps, which is also how a
run is repeated that was made from a dataset in Python.
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
from miner.io.row_files import kind_of, sha256_of
from miner.io.scratch import scratch
from miner.runs import manifest as manifests
from miner.runs.candidate_store import read_blocks
from miner.runs.run import Run, mine
from miner.runs.verdict_files import FILE as VERDICTS
from miner.types import Dataset, Progress

STORED = "what the run itself keeps is enough: --stored"


@dataclass(frozen=True)
class Rerun:
    """What came of it: `differences` is empty when the bytes are the same; notes: versions that are others now."""

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
    runtime: Runtime | None = None,
    on_progress: Progress | None = None,
) -> Rerun:
    """Make a run again and say exactly what differs.

    stored: from the run's own dataset folder instead of the user's files. fresh: encode again, whatever the embedding store holds.
    model: the loaded one, for a run whose model was handed over in memory. IntegrityError when an input, the run's own texts or the
    recorded name of the file is gone or changed, ModelError when the model is.
    """
    runtime, name = runtime or Runtime.of(), run.manifest["training_file"]
    if not name:
        raise IntegrityError(f"{run.folder} went to standard output: there is no training file to compare with")
    data, config = _data(run, stored), MiningConfig.of(**manifests.config(run.folder, run.manifest))
    with scratch() as folder:
        if fresh:
            runtime = runtime.model_copy(update={"cache": folder / "cache"})
        encoder = _encoder(run, data, config, runtime, model)
        told = {"out": folder / "again", "model": encoder, "runtime": runtime, "kind": _kind(name, config)}
        again = mine(data, config, verdicts=_verdicts(run, data), on_progress=on_progress, **told)
        made = again.manifest["outputs"][again.manifest["training_file"]]
        same = made["sha256"] == run.manifest["outputs"][name]["sha256"]
        notes = list(_notes(run.manifest["versions"], again.manifest["versions"]))
        return Rerun(again.manifest["counts"]["rows"], made["sha256"], [] if same else list(_differences(run, again, name)), notes)


def _data(run: Run, stored: bool) -> Inputs | Dataset:
    """What is read again, checked to be what was read then."""
    given, outputs = run.manifest.get("inputs"), run.manifest["outputs"]
    if given and not stored:
        for name, told in run.manifest["files"].items():
            path = manifests.base(run.folder, run.manifest) / name
            if not path.exists():
                raise IntegrityError(f"input {path} is no longer where it was; {STORED}")
            if not manifests.is_same(path, told):
                raise IntegrityError(f"input {path} has changed since; {STORED}")
        return Inputs.of(**manifests.inputs(run.folder, run.manifest))
    if given and given.get("query_vectors"):
        raise IntegrityError(
            f"{run.folder} used vectors made before, which it does not keep: it is made again from its inputs only, without --stored"
        )
    for name, told in outputs.items():
        path = run.folder / name
        if name.startswith("dataset/") and (not path.exists() or sha256_of(path) != told["sha256"]):
            raise IntegrityError(f"{path} is {'not what it was' if path.exists() else 'gone'}: the run cannot be made again from it")
    return run.dataset


def _verdicts(run: Run, data: Inputs | Dataset) -> list[Path]:
    """What the run has heard, unless the inputs name it themselves."""
    heard = run.folder / VERDICTS
    return [heard] if heard.exists() and not (isinstance(data, Inputs) and data.verdicts) else []


def _encoder(run: Run, data: Inputs | Dataset, config: MiningConfig, runtime: Runtime, model: Any) -> Any:
    """The model, checked to be the one that made the run; None where nothing was encoded by the config's own."""
    told = run.manifest.get("model") or {}
    if "content" not in told or not (config.model or model is not None or told.get("name") == "in memory"):
        return model
    if config.model is None and model is None:
        raise ModelError(f"{run.folder} was made with a model that was handed over in memory; hand it over again: rerun(run, model=…)")
    encoder = model if isinstance(model, Encoder) else load_encoder(config, runtime, model, untrained=True)
    if encoder.describe()["content"] != told["content"]:
        raise ModelError(
            f"model '{told.get('name')}' is not the one that made {run.folder}: weights, tokenizer or settings have changed since"
        )
    return encoder


def _kind(name: str, config: MiningConfig) -> str | None:
    """The suffix of the training file, "" for a datasets folder; None for a format that lies in a folder of its own."""
    if FORMATS[config.output_format].layout:
        return None
    kind = kind_of(name)
    return "" if kind == "folder" else kind


def _differences(run: Run, again: Run, name: str) -> Iterator[str]:
    """Rows first, then whether already pass 1 came out differently."""
    if not run.file.exists() or sha256_of(run.file) != run.manifest["outputs"][name]["sha256"]:
        yield f"{name} cannot be compared row by row: it is {'not what its manifest says' if run.file.exists() else 'gone'}"
    else:
        yield from _rows(run, again)
    yield from _first_pass(run, again)


def _rows(run: Run, again: Run) -> Iterator[str]:
    count, first = 0, ""
    counts = [run.manifest["counts"]["rows"], again.manifest["counts"]["rows"]]
    for number, (was, now) in enumerate(zip_longest(run.rows(), again.rows()), start=1):
        if was != now:
            count += 1
            first = first or _row(number, was, now)
    if counts[0] != counts[1]:
        yield f"{counts[0]:,} rows became {counts[1]:,}"
    yield f"{count:,} rows differ, the first one: {first}" if count else "the same rows lie in other bytes"


def _row(number: int, was: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> str:
    if was is None or now is None:
        return f"row {number}, which only {'the new' if was is None else 'the old'} file has"
    columns = [name for name in dict.fromkeys([*was, *now]) if was.get(name) != now.get(name)]
    return f"row {number}, in {', '.join(columns)}: {_short(was.get(columns[0]))} became {_short(now.get(columns[0]))}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def _first_pass(run: Run, again: Run) -> Iterator[str]:
    """How many queries have other candidates, and how far the scores of equal ones moved."""
    found = [_by_query(each) for each in (run, again)]
    if found[0].keys() != found[1].keys():
        yield f"pass 1 is about {len(found[0]):,} queries then and {len(found[1]):,} now"
        return
    other, moved, most = 0, 0, 0.0
    for query, (rows, scores) in found[0].items():
        now_rows, now_scores = found[1][query]
        if not np.array_equal(rows, now_rows):
            other += 1
        elif not np.array_equal(scores, now_scores, equal_nan=True):
            moved += 1
            most = max(most, float(np.nanmax(np.abs(scores - now_scores))))
    if other or moved:
        yield f"pass 1: {other:,} queries have other candidates, {moved:,} others have other scores (by {most:.2g} at most)"
    else:
        yield "pass 1: the same candidates with the same scores; only choosing or writing differs"


def _by_query(run: Run) -> dict[int, tuple[Any, Any]]:
    parts = chain.from_iterable(block.longest for block in read_blocks(run.folder / "candidates.parquet"))
    return {int(query): (part.rows[i], part.scores[i]) for part in parts for i, query in enumerate(part.queries)}


def _notes(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for name in dict.fromkeys([*then, *now]):
        if then.get(name) and now.get(name) and then[name] != now[name]:
            yield f"{name} was {then[name]}, is {now[name]}"

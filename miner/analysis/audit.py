"""How many of the negatives are really positives: known positives are hidden, all is mined again, and those that come back are counted.

Told per setting, with what keeps the rate honest: random negatives have the fewest false ones, so that coverage, gap and gradient mass
stand beside it, and the rate of passages drawn blindly. Intervals: Wilson over negatives, and over whole queries, which claims go by.
Pass 1 runs once for each draw of the hidden ones; vectors come from the store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from miner.analysis.grid import Setting, settings
from miner.analysis.hidden_positives import FEWEST, hide
from miner.analysis.sweep import Hidden, Wrong, measure
from miner.config import Inputs, MiningConfig, Runtime
from miner.evaluation.intervals import clustered, wilson
from miner.evidence.identity import id_keys
from miner.io.scratch import scratch
from miner.report.distribution import share as share_of
from miner.runs import passes
from miner.runs.open_source import open_vectors
from miner.runs.run import Run
from miner.runs.run_folder import Target
from miner.types import Dataset, Ints, Progress, Vectors

NEAREST = "nearest"
"""The setting that judges nothing: the nearest passages that are no known positive."""

BARE: dict[str, Any] = {
    "filters": ("self_match:off", "same_text:off", "group:off", "near_positive:off", "nearest:off", "margin:off"),
    "sampler": "top",
    "ladder": 0,
    "fill": "none",
    "hub_cap": None,
    "distinct": None,
}

SHOWN = ("coverage", "gap", "gradient_mass", "negatives")

Told = dict[str, Any]


def audit(
    run: Run,
    grid: Sequence[str] = (),
    *,
    hidden: float | None = None,
    draws: int = 5,
    model: Any = None,
    runtime: Runtime | None = None,
    fewest: int = FEWEST,
    on_progress: Progress | None = None,
) -> Told:
    """The false-negative rate of a run's settings, of those in `grid` (as for `sweep`) and of none at all, on the run's own data.

    hidden: the share of a query's positives that is hidden; None: all but one. draws: how often others are hidden. model: the loaded one,
    for a run whose model was handed over in memory. InputError where too few queries have two positives, ConfigError for wrong settings.
    """
    points = [*(settings(run.config, grid) if grid else [Setting({}, (), run.config)]), _nearest(run.config)]
    runtime, given = runtime or Runtime.of(), run.manifest.get("inputs")
    data = Inputs.of(**given) if given and given.get("query_vectors") else run.dataset
    vectors = open_vectors(data, run.config, runtime, model, on_progress)
    wrong, found = [Wrong(len(run.dataset.queries)) for _ in points], list[Told]()
    numbers: list[list[Told]] = []
    for draw in range(draws):
        with scratch() as folder:
            shown, truth = hide(run.dataset, run.config.seed + draw, hidden, fewest)
            kept = Hidden(shown, truth)
            path = _first_pass(shown, vectors, _measuring(points), runtime, folder, on_progress)
            numbers.append(measure(path, shown, [point.config for point in points], kept, on_progress, wrong))
            found.append(kept.describe())
    rows = [_row(point, counted, each) for point, counted, each in zip(points, wrong, zip(*numbers, strict=True), strict=True)]
    keys = id_keys(run.dataset.queries)
    _intervals(rows, wrong, keys)
    worst = rows[-1]["false"]
    for row in rows:
        row["caught"] = None if not worst else 1 - row["false"] / worst
    return {"draws": draws, "hidden": _mean(found), "queries": len(run.dataset.queries), "settings": rows}


def _nearest(config: MiningConfig) -> Setting:
    return Setting({"setting": NEAREST}, (), MiningConfig.of(**{**config.model_dump(), **BARE, "preset": None}))


def _measuring(points: Sequence[Setting]) -> MiningConfig:
    """The first setting, measuring what any of them needs."""
    wanted = tuple(dict.fromkeys(name for point in points for name in point.config.measured))
    return MiningConfig.of(**{**points[0].config.model_dump(), "evidence": wanted})


def _first_pass(
    dataset: Dataset, vectors: Mapping[str, Vectors], config: MiningConfig, runtime: Runtime, folder: Path, on_progress: Progress | None
) -> Path:
    """Candidates of the shown positives, in `folder`."""
    place = Target(folder, str(folder / "none"), folder, "none")
    (folder / "scratch").mkdir()
    passes.first_pass(dataset, vectors, passes.Work(config, runtime, on_progress), place, folder / "scratch")
    return place.blocks


def _row(point: Setting, counted: Wrong, numbers: Sequence[Told]) -> Told:
    """Counts of all draws, and the mean of what stands beside them."""
    false, every = int(counted.false.sum()), int(counted.all.sum())
    beside = {name: _mean([each[name] for each in numbers]) for name in SHOWN}
    by_rank = [
        {"ranks": name, "false": int(part), "of": int(whole), "rate": share_of(int(part), int(whole))}
        for name, part, whole in zip(Wrong.BUCKETS, counted.false_by_rank, counted.all_by_rank, strict=True)
    ]
    told = {"false": false, "of": every, "rate": share_of(false, every), "wilson": wilson(false, every), "by_rank": by_rank}
    return {"values": point.values, "flags": " ".join(point.flags), **told, **beside}


def _intervals(rows: list[Told], wrong: Sequence[Wrong], keys: Any) -> None:
    """The intervals over whole queries, and the share of queries with a false negative."""
    asked: Ints = np.flatnonzero(sum(counted.all for counted in wrong))
    false, every = (np.stack([getattr(counted, name)[asked] for counted in wrong], axis=1) for name in ("false", "all"))
    for place, (row, interval) in enumerate(zip(rows, clustered(false, every, keys[asked]), strict=True)):
        row["by_query"] = interval
        row["queries_with_one"] = share_of(int((false[:, place] > 0).sum()), len(asked))


def _mean(values: Sequence[Any]) -> Any:
    """Of numbers, or of each number in mappings; None where any is."""
    if isinstance(values[0], dict):
        return {name: _mean([value[name] for value in values]) for name in values[0]}
    return None if any(value is None for value in values) else float(np.mean(values))

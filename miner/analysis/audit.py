"""Estimates the false-negative rate: hides known positives, mines again, and counts the hidden ones among the negatives.

The rate is reported per setting. Random negatives have the lowest rate but teach little, so coverage, gap, gradient mass and the rate of
random passages are reported beside it. Intervals: Wilson over negatives, and a cluster bootstrap over queries, which claims rest on.
Pass 1 runs once for each draw of hidden positives; vectors come from the store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from miner.analysis.false_negatives import FalseNegativeCounts, HiddenPositives, HiddenStats
from miner.analysis.grid import GridPoint, settings
from miner.analysis.hidden_positives import MIN_QUERIES, hide
from miner.analysis.sweep import Measures, measure
from miner.config import Inputs, MiningConfig, Runtime
from miner.evaluation.intervals import clustered, wilson
from miner.evidence.identity import id_keys
from miner.io.scratch import scratch
from miner.report.distribution import share as share_of
from miner.runs import pass_one
from miner.runs.open_source import open_vectors
from miner.runs.run import Run
from miner.runs.run_context import RunContext
from miner.runs.run_folder import Target
from miner.types import Dataset, Ints, Progress, Vectors

NEAREST = "nearest"
"""Name of the setting without filters: the nearest passages that are not known positives."""

UNFILTERED: dict[str, Any] = {
    "filters": ("self_match:off", "same_text:off", "group:off", "near_positive:off", "nearest:off", "margin:off"),
    "sampler": "top",
    "ladder": 0,
    "fill": "none",
    "hub_cap": None,
    "distinct": None,
}

REPORTED = ("coverage", "gap", "gradient_mass", "negatives")
"""Measures of `sweep` that are reported beside the rate, averaged over the draws."""

AuditRow = dict[str, Any]
"""One setting in the report."""


class AuditReport(TypedDict):
    """The result of `audit`, JSON-safe. queries: Q; hidden: means over the draws of `HiddenPositives.describe`.

    settings: one row per setting.
    """

    draws: int
    hidden: dict[str, float | None]
    queries: int
    settings: list[AuditRow]


def audit(
    run: Run,
    grid: Sequence[str] = (),
    *,
    hidden: float | None = None,
    draws: int = 5,
    model: Any = None,
    runtime: Runtime | Mapping[str, Any] | None = None,
    min_queries: int = MIN_QUERIES,
    on_progress: Progress | None = None,
) -> AuditReport:
    """The false-negative rate of a run's settings, of those in `grid` (as for `sweep`) and without filters, on the run's own data.

    hidden: the share of each query's positives to hide, in (0, 1); None: all but one.
    draws: the number of random choices of hidden positives.
    model: the loaded model, for a run whose model was passed in memory.
    min_queries: the least number of queries with two positives or more.
    InputError where fewer queries have two positives, ConfigError for wrong settings.
    """
    points = [*(settings(run.config, grid) if grid else [GridPoint({}, (), run.config)]), _nearest(run.config)]
    runtime, inputs = Runtime.of_argument(runtime), run.manifest.get("inputs")
    data = Inputs.of(**inputs) if inputs and inputs.get("query_vectors") else run.dataset
    vectors = open_vectors(data, run.config, runtime, model, on_progress)
    counts, hidden_stats = [FalseNegativeCounts(len(run.dataset.queries)) for _ in points], list[HiddenStats]()
    measures: list[list[Measures]] = []
    for draw in range(draws):
        with scratch() as folder:
            visible, held_out = hide(run.dataset, run.config.seed + draw, hidden, min_queries)
            hidden_positives = HiddenPositives(visible, held_out)
            path = _first_pass(visible, vectors, _first_pass_config(points), runtime, folder, on_progress)
            measures.append(measure(path, visible, [point.config for point in points], hidden_positives, on_progress, counts))
            hidden_stats.append(hidden_positives.describe())
    rows = [_row(*setting) for setting in zip(points, counts, zip(*measures, strict=True), strict=True)]
    keys = id_keys(run.dataset.queries)
    _intervals(rows, counts, keys)
    unfiltered_false = rows[-1]["false"]
    for row in rows:
        row["caught"] = None if not unfiltered_false else 1 - row["false"] / unfiltered_false
    return {"draws": draws, "hidden": _mean(hidden_stats), "queries": len(run.dataset.queries), "settings": rows}


def _nearest(config: MiningConfig) -> GridPoint:
    return GridPoint({"setting": NEAREST}, (), MiningConfig.of(**{**config.model_dump(), **UNFILTERED, "preset": None}))


def _first_pass_config(points: Sequence[GridPoint]) -> MiningConfig:
    """The config of the first setting, with the evidence that any of the settings needs."""
    evidence = tuple(dict.fromkeys(name for point in points for name in point.config.measured))
    return MiningConfig.of(**{**points[0].config.model_dump(), "evidence": evidence})


def _first_pass(
    dataset: Dataset, vectors: Mapping[str, Vectors], config: MiningConfig, runtime: Runtime, folder: Path, on_progress: Progress | None
) -> Path:
    """Run pass 1 with the positives that are not hidden; return the folder of candidates, inside `folder`."""
    target = Target(folder, str(folder / "none"), folder, "none")
    (folder / "scratch").mkdir()
    pass_one.first_pass(dataset, vectors, RunContext(config, runtime, on_progress), target, folder / "scratch")
    return target.blocks


def _row(point: GridPoint, counts: FalseNegativeCounts, measures: Sequence[Mapping[str, Any]]) -> AuditRow:
    """The counts over all draws, and the means of the reported measures."""
    false, total = int(counts.false.sum()), int(counts.all.sum())
    means = {name: _mean([setting_measures[name] for setting_measures in measures]) for name in REPORTED}
    by_rank = [
        {"ranks": name, "false": int(part), "of": int(whole), "rate": share_of(int(part), int(whole))}
        for name, part, whole in zip(FalseNegativeCounts.BUCKETS, counts.false_by_rank, counts.all_by_rank, strict=True)
    ]
    rates = {"false": false, "of": total, "rate": share_of(false, total), "wilson": wilson(false, total), "by_rank": by_rank}
    return {"values": point.values, "flags": " ".join(point.flags), **rates, **means}


def _intervals(rows: list[AuditRow], counts: Sequence[FalseNegativeCounts], keys: Any) -> None:
    """Add to each row the interval over queries, and the share of queries with a false negative."""
    query_rows: Ints = np.flatnonzero(sum(count.all for count in counts))
    false_counts, totals = (np.stack([getattr(count, name)[query_rows] for count in counts], axis=1) for name in ("false", "all"))
    for column, (row, interval) in enumerate(zip(rows, clustered(false_counts, totals, keys[query_rows]), strict=True)):
        row["by_query"] = interval
        row["queries_with_one"] = share_of(int((false_counts[:, column] > 0).sum()), len(query_rows))


def _mean(values: Sequence[Any]) -> Any:
    """The mean of numbers, or of each field of mappings; None where any of them is None."""
    if isinstance(values[0], dict):
        return {name: _mean([value[name] for value in values]) for name in values[0]}
    return None if any(value is None for value in values) else float(np.mean(values))

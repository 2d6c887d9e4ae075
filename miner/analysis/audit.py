"""Estimates the false-negative rate: hides known positives, mines again, and counts the hidden ones among the negatives.

The rate is reported per setting. Random negatives have the lowest rate but teach little, so coverage, gap, gradient mass and the rate of
random passages are reported beside it. Intervals: Wilson over negatives, and a cluster bootstrap over queries, which claims rest on.
Pass 1 runs once for each draw of hidden positives; vectors come from the store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from miner.judges import Judge
from miner.report.distribution import share as share_of
from miner.runs import pass_one
from miner.runs.candidate_store import read_blocks
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
    "judges": (),
    "scores_by": None,
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

    Where the run has second judges, also without them, so that their worth shows beside what they cost: `judge_pairs`, the pairs that
    they scored in one draw, and `judge_seconds`, the time of all draws.

    hidden: the share of each query's positives to hide, in (0, 1); None: all but one.
    draws: the number of random choices of hidden positives.
    model: the loaded model, for a run whose model was passed in memory.
    min_queries: the least number of queries with two positives or more.
    InputError where fewer queries have two positives, ConfigError for wrong settings.
    """
    points = [
        *(settings(run.config, grid) if grid else [GridPoint({}, (), run.config)]),
        *_without_judges(run.config),
        _nearest(run.config),
    ]
    runtime, inputs = Runtime.of_argument(runtime), run.manifest.get("inputs")
    data = Inputs.of(**inputs) if inputs and inputs.get("query_vectors") else run.dataset
    vectors = open_vectors(data, run.config, runtime, model, on_progress)
    counts, hidden_stats = [FalseNegativeCounts(len(run.dataset.queries)) for _ in points], list[HiddenStats]()
    measures: list[list[Measures]] = []
    costs, judges = [JudgeCost() for _ in points], dict[str, Judge]()
    for draw in range(draws):
        with scratch() as folder:
            visible, held_out = hide(run.dataset, run.config.seed + draw, hidden, min_queries)
            hidden_positives = HiddenPositives(visible, held_out)
            passes = _Passes(visible, vectors, runtime, folder, on_progress, judges)
            measures.append(passes.measured(points, hidden_positives, counts, costs))
            hidden_stats.append(hidden_positives.describe())
    rows = [_row(*setting) for setting in zip(points, counts, zip(*measures, strict=True), strict=True)]
    for row, cost in zip(rows, costs, strict=True):
        if cost.pairs:
            row |= {"judge_pairs": round(cost.pairs / draws), "judge_seconds": round(cost.seconds, 1)}
    keys = id_keys(run.dataset.queries)
    _intervals(rows, counts, keys)
    unfiltered_false = rows[-1]["false"]
    for row in rows:
        row["caught"] = None if not unfiltered_false else 1 - row["false"] / unfiltered_false
    return {"draws": draws, "hidden": _mean(hidden_stats), "queries": len(run.dataset.queries), "settings": rows}


def _without_judges(config: MiningConfig) -> list[GridPoint]:
    """The run's settings without its second judges, where it has any."""
    return [GridPoint({"setting": "without judges"}, (), config.without_judges())] if config.judges else []


def _nearest(config: MiningConfig) -> GridPoint:
    return GridPoint({"setting": NEAREST}, (), MiningConfig.of(**{**config.model_dump(), **UNFILTERED, "preset": None}))


def _first_pass_config(points: Sequence[GridPoint]) -> MiningConfig:
    """The config of the first setting, with the evidence that any of the settings needs."""
    evidence = tuple(dict.fromkeys(name for point in points for name in point.config.measured))
    return MiningConfig.of(**{**points[0].config.model_dump(), "evidence": evidence})


@dataclass
class JudgeCost:
    """What second judges cost one setting over all draws: pairs scored, seconds."""

    pairs: int = 0
    seconds: float = 0.0


class _Passes:
    """Both passes of one draw, in `folder`. judges: those that are open, shared by draws and settings."""

    def __init__(
        self,
        dataset: Dataset,
        vectors: Mapping[str, Vectors],
        runtime: Runtime,
        folder: Path,
        on_progress: Progress | None,
        judges: dict[str, Judge],
    ) -> None:
        self._dataset, self._vectors, self._runtime, self._folder = dataset, vectors, runtime, folder
        self._on_progress, self._judges = on_progress, judges

    def measured(
        self, points: Sequence[GridPoint], hidden: HiddenPositives, counts: Sequence[FalseNegativeCounts], costs: Sequence[JudgeCost]
    ) -> list[Measures]:
        """The measures of each setting. Those without judges share one search; what a judge scores follows from a setting of its own."""
        results: dict[int, Measures] = {}
        plain = [number for number, point in enumerate(points) if not point.config.judges]
        groups = [plain, *([number] for number, point in enumerate(points) if point.config.judges)]
        for order, group in enumerate(filter(None, groups)):
            chosen = [points[number] for number in group]
            path, seconds = self._first_pass(_first_pass_config(chosen), self._folder / str(order))
            if chosen[0].config.judges:
                costs[group[0]].pairs += _scored_pairs(path)
                costs[group[0]].seconds += seconds
            configs, counters = [point.config for point in chosen], [counts[number] for number in group]
            results |= dict(zip(group, measure(path, self._dataset, configs, hidden, self._on_progress, counters), strict=True))
        return [results[number] for number in range(len(points))]

    def _first_pass(self, config: MiningConfig, folder: Path) -> tuple[Path, float]:
        """Run pass 1 with the positives that are not hidden; the folder of candidates, and the seconds of its judges."""
        (folder / "scratch").mkdir(parents=True)
        target, context = Target(folder, str(folder / "none"), folder, "none"), RunContext(config, self._runtime, self._on_progress)
        context.judges = self._judges
        pass_one.first_pass(self._dataset, self._vectors, context, target, folder / "scratch")
        return target.blocks, context.timings.get("judge", 0.0)


def _scored_pairs(candidates: Path) -> int:
    """The number of candidates that second judges have scored."""
    parts = (part for block in read_blocks(candidates) for part in (*block.within, *block.deep))
    return sum(int((~np.isnan(each.scores)).sum()) for part in parts for each in part.judges.values())


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

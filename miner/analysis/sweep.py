"""Repeats pass 2 of a run under many settings at once and measures what each would give.

One pass over the stored blocks for all settings, without the model; nothing is written. With a file of hidden positives the
false-negative rate is measured too.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NotRequired, TypedDict

import numpy as np

from miner.analysis.false_negatives import FalseNegativeCounts, HiddenPositives, HiddenStats, exclude_known
from miner.analysis.grid import GridPoint, settings
from miner.config import MiningConfig
from miner.evaluation.intervals import Interval, clustered, wilson
from miner.evidence.identity import id_keys
from miner.read import Truth
from miner.report import Tally
from miner.report.distribution import Quantiles, rank_spread, share, spread
from miner.report.statistics import counts_of, hardness_of, hubs_of
from miner.runs.candidate_store import about, check_belongs, read_blocks
from miner.runs.rechoose import chooser as chooser_of
from miner.runs.run import Run, check_evidence
from miner.types import Dataset, Progress


class FalseNegatives(TypedDict):
    """False negatives among the negatives (`of`) of queries with hidden positives, with 95 % intervals; queries: the share that has one."""

    false: int
    of: int
    rate: float | None
    wilson: Interval | None
    by_query: Interval | None
    queries: float | None


class MarginSpread(TypedDict):
    """The distribution of the margins; quantiles by per cent."""

    mean: float | None
    std: float | None
    min: float | None
    quantiles: Quantiles
    max: float | None


class RankQuantiles(TypedDict):
    """The distribution of the ranks of the negatives."""

    median: float | None
    quantiles: Quantiles


class Measures(TypedDict):
    """The measures of one setting; as in the report of a run."""

    rows: int
    pairs: int
    negatives: int
    kept: int
    dropped: dict[str, int]
    coverage: dict[str, float | None]
    tiers: dict[str, float | None]
    gap: float | None
    triplet_error: float | None
    gradient_mass: float | None
    margin: MarginSpread
    ranks: RankQuantiles
    passages_used: int
    top_percent_share: float | None
    gini: float | None
    false_negatives: NotRequired[FalseNegatives]


class SettingRow(Measures):
    """A setting and its measures. values: by axis; flags: of the command line; own: whether it is the run's own setting."""

    values: dict[str, str]
    flags: str
    own: bool


class SweepReport(TypedDict):
    """The result of `sweep`, JSON-safe. hidden: only where hidden positives were passed."""

    axes: list[str]
    queries: int
    settings: list[SettingRow]
    hidden: NotRequired[HiddenStats]


def sweep(run: Run, grid: Sequence[str] = (), truth: Truth | None = None, on_progress: Progress | None = None) -> SweepReport:
    """Measure every setting of `grid` (see `grid.settings`) on a run; JSON-safe.

    axes: the titles of the axes.
    settings: one row per setting: its value on every axis, its flags, whether it is the run's own setting, counts, coverage, share per
        fallback level, gap with quantiles, gradient mass, triplet error, ranks, hubs.
    With `truth`, each row has false_negatives: the relevant ones among the negatives of queries with hidden positives, with both 95 %
    intervals; and the result has hidden (see `HiddenStats`), where `known` counts the pairs of the truth that the run knew from another
    split, which are left out.
    """
    path, dataset, run_config = run.candidates, run.dataset, run.config
    points = settings(run_config, grid)
    for point in points:
        check_evidence(point.config, run)
    hidden = None if truth is None else HiddenPositives(dataset, exclude_known(dataset, truth))
    rows_of_measures = measure(path, dataset, [point.config for point in points], hidden, on_progress)
    rows = [_row(point, result, point.config == run_config) for point, result in zip(points, rows_of_measures, strict=True)]
    report: SweepReport = {"axes": list(points[0].values), "queries": len(dataset.queries), "settings": rows}
    if hidden is None or truth is None:
        return report
    report["hidden"] = hidden.describe()
    report["hidden"]["known"] = HiddenPositives(dataset, truth).describe()["pairs"] - report["hidden"]["pairs"]
    return report


def measure(
    path: Path,
    dataset: Dataset,
    configs: Sequence[MiningConfig],
    hidden: HiddenPositives | None = None,
    on_progress: Progress | None = None,
    counts: Sequence[FalseNegativeCounts] = (),
) -> list[Measures]:
    """The measures of each config over stored candidates, in one pass over the blocks.

    hidden: the positives that the run did not know, to count among the negatives.
    counts: one counter per config, which continues to count; the result then holds no rates.
    """
    check_belongs(path, dataset)
    similarity = about(path)["similarity"]
    choosers = [chooser_of(path, dataset, config) for config in configs]
    tallies = [Tally(list(config.active_filters), config.negatives, config.depth, similarity) for config in configs]
    counters = counts or [FalseNegativeCounts(len(dataset.queries)) for _ in configs if hidden]
    done = 0
    for block in read_blocks(path):
        if hidden:
            for part in block.longest:
                hidden.count_retrieved(part)
        for number, (chooser, tally) in enumerate(zip(choosers, tallies, strict=True)):
            for anchors, dropped, negatives in map(chooser.choose, chooser.lists_in_use(block)):
                tally.add(anchors, dropped, negatives)
                if hidden:
                    counters[number].add(negatives, hidden)
        done += len(block)
        if on_progress:
            on_progress("sweep", done, len(dataset.queries))
    measures = [_measures(tally, dataset, similarity) for tally in tallies]
    return measures if counts or hidden is None else _add_rates(measures, counters, hidden, dataset)


def _add_rates(
    measures: list[Measures], counts: Sequence[FalseNegativeCounts], hidden: HiddenPositives, dataset: Dataset
) -> list[Measures]:
    """The measures with the false-negative rate of each setting."""
    has_hidden = hidden.queries
    false_counts, totals = (np.stack([getattr(counter, name)[has_hidden] for counter in counts], axis=1) for name in ("false", "all"))
    intervals = clustered(false_counts, totals, id_keys(dataset.queries)[has_hidden])
    for i, row in enumerate(measures):
        false, total = int(false_counts[:, i].sum()), int(totals[:, i].sum())
        row["false_negatives"] = {
            "false": false,
            "of": total,
            "rate": share(false, total),
            "wilson": wilson(false, total),
            "by_query": intervals[i],
            "queries": share(int((false_counts[:, i] > 0).sum()), int(has_hidden.sum())),
        }
    return measures


def _measures(tally: Tally, dataset: Dataset, similarity: str) -> Measures:
    negatives = tally.chosen()
    counts, hardness = counts_of(negatives, tally.setup, tally.codes), hardness_of(negatives, similarity)
    hubs, ranks, margin = hubs_of(negatives, dataset), rank_spread(negatives.ranks[negatives.is_negative]), spread(negatives.margins)
    return {
        "rows": counts["rows"]["any"],
        "pairs": counts["pairs"],
        "negatives": counts["chosen"],
        "kept": counts["kept"],
        "dropped": counts["dropped"],
        "coverage": {name: share(counts["rows"][name], counts["pairs"]) for name in ("all", "any", "none")},
        "tiers": {tier: share(count, counts["chosen"]) for tier, count in counts["tiers"].items()},
        "gap": hardness["gap"],
        "triplet_error": hardness["triplet_error"],
        "gradient_mass": hardness["gradient_mass"],
        "margin": {
            "mean": margin["mean"],
            "std": margin["std"],
            "min": margin["min"],
            "quantiles": margin["quantiles"],
            "max": margin["max"],
        },
        "ranks": {"median": ranks["median"], "quantiles": ranks["quantiles"]},
        "passages_used": hubs["passages_used"],
        "top_percent_share": hubs["top_percent_share"],
        "gini": hubs["gini"],
    }


def _row(point: GridPoint, measures: Measures, is_own: bool) -> SettingRow:
    return {"values": point.values, "flags": " ".join(point.flags), "own": is_own, **measures}

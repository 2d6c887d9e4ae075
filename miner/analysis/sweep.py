"""Repeats pass 2 of a run under many settings at once and measures what each would give.

One pass over the stored blocks for all settings, without the model; nothing is written. With a file of hidden positives the
false-negative rate is measured too.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

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
from miner.sources.dense import distinct
from miner.types import Bools, Candidates, Dataset, Ints, Negatives, Progress, Rows


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


class HiddenStats(TypedDict):
    """Numbers of hidden positives.

    pairs, queries: the hidden positives, and the queries that have one.
    retrieved: the share of the pairs that pass 1 retrieved.
    unknown: pairs of the file that name no query or no passage of the run.
    random: the false-negative rate of random passages.
    known: pairs of the file that the run knew from another split.
    """

    pairs: int
    queries: int
    retrieved: float | None
    unknown: int
    random: float | None
    known: NotRequired[int]


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


def exclude_known(dataset: Dataset, truth: Truth) -> Truth:
    """The truth without the pairs that the run knew from another split or from a query with the same text: those are never mined."""
    same = dataset.qrels.same_questions
    if same is None:
        return truth
    text_rows, position = distinct(dataset.corpus)
    group = np.repeat(np.arange(len(same.indptr) - 1), np.diff(same.indptr))
    truth_groups = same.group[truth.queries].astype(np.int64)  # -1: no group; its keys are negative and match none
    is_known = np.isin(truth_groups * len(text_rows) + position[truth.passages], group * len(text_rows) + position[same.rows])
    return Truth(truth.queries[~is_known], truth.passages[~is_known], truth.unknown)


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


class HiddenPositives:
    """Pairs that are relevant though the run did not know: neither its positives nor passages with the same text as one."""

    def __init__(self, dataset: Dataset, truth: Truth) -> None:
        rows, self._position = distinct(dataset.corpus)
        self._texts, self._unknown = len(rows), truth.unknown
        owners = np.repeat(np.arange(len(dataset.queries)), np.diff(dataset.qrels.indptr))
        is_positive = dataset.qrels.grades >= dataset.qrels.min_grade
        known_keys = self._keys(owners[is_positive], dataset.qrels.rows[is_positive])
        self._pairs = np.setdiff1d(self._keys(truth.queries, truth.passages), known_keys)
        self.queries: Bools = np.zeros(len(dataset.queries), dtype=bool)
        self.queries[self._pairs // self._texts] = True
        positives = np.bincount(known_keys // self._texts, minlength=len(self.queries))[self.queries]
        hidden_counts = np.bincount(self._pairs // self._texts, minlength=len(self.queries))[self.queries]
        self.random = float((hidden_counts / (self._texts - positives)).mean()) if len(hidden_counts) else None
        self._retrieved = 0

    def among(self, queries: Ints, rows: Rows) -> Bools:
        """Shape (B, M): True where a passage is relevant to its query and was hidden."""
        keys = self._keys(queries[:, None], rows)
        places = np.minimum(np.searchsorted(self._pairs, keys), max(0, len(self._pairs) - 1))
        is_hidden: Bools = (self._pairs[places] == keys) & (rows >= 0) if len(self._pairs) else np.zeros(rows.shape, dtype=bool)
        return is_hidden

    def count_retrieved(self, part: Candidates) -> None:
        """Count the hidden positives among the candidates: only these can become negatives."""
        self._retrieved += int(self.among(part.queries, part.rows).sum())

    def describe(self) -> HiddenStats:
        """The numbers of hidden positives, and the share that was retrieved."""
        return {
            "pairs": len(self._pairs),
            "queries": int(self.queries.sum()),
            "retrieved": share(self._retrieved, len(self._pairs)),
            "unknown": self._unknown,
            "random": self.random,
        }

    def _keys(self, queries: NDArray[Any], rows: NDArray[Any]) -> Ints:
        keys: Ints = queries.astype(np.int64) * self._texts + self._position[rows]
        return keys


class FalseNegativeCounts:
    """Negatives and false negatives per query (Q,), of queries with hidden positives, and per range of ranks."""

    BUCKETS: ClassVar[dict[str, int]] = {"1-5": 5, "6-10": 10, "11-30": 30, "31-100": 100, "101-": 2**31}
    """Each range of ranks, and its last rank."""

    def __init__(self, queries: int) -> None:
        self.false, self.all = np.zeros(queries, dtype=np.int64), np.zeros(queries, dtype=np.int64)
        self.false_by_rank, self.all_by_rank = (np.zeros(len(self.BUCKETS), dtype=np.int64) for _ in "fa")

    def add(self, negatives: Negatives, hidden: HiddenPositives) -> None:
        """Count the negatives of one block."""
        is_counted = hidden.queries[negatives.queries][:, None] & (negatives.rows >= 0)
        false = hidden.among(negatives.queries, negatives.rows) & is_counted
        np.add.at(self.false, negatives.queries, false.sum(axis=1))
        np.add.at(self.all, negatives.queries, is_counted.sum(axis=1))
        bucket = np.searchsorted(list(self.BUCKETS.values()), negatives.ranks)
        self.false_by_rank += np.bincount(bucket[false], minlength=len(self.BUCKETS))
        self.all_by_rank += np.bincount(bucket[is_counted], minlength=len(self.BUCKETS))


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

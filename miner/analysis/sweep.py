"""What if: a run's stored candidates judged and chosen from again under many settings at once, and what each would give.

One pass over the blocks for all settings, no model, nothing written. Hidden positives, where they are given, turn "suspect" into a rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from miner.analysis.grid import Setting, settings
from miner.config import MiningConfig
from miner.evaluation.intervals import clustered, wilson
from miner.evidence.identity import id_keys
from miner.read import Truth
from miner.report import Tally
from miner.report.distribution import rank_spread, share, spread
from miner.report.statistics import counts_of, hardness_of, hubs_of
from miner.runs.candidate_store import about, check_belongs, read_blocks
from miner.runs.rechoose import chooser as chooser_of
from miner.runs.run import Run, check_evidence
from miner.sources.dense import distinct
from miner.types import Bools, Candidates, Dataset, Ints, Negatives, Progress, Rows

Told = dict[str, Any]


def sweep(run: Run, grid: Sequence[str] = (), truth: Truth | None = None, on_progress: Progress | None = None) -> Told:
    """Every setting of `grid` (see `grid.settings`) measured on a run, JSON-safe.

    axes; settings: each with the value on every axis, the flags that give it, whether it is the run's own, counts, coverage, share per
    tier, gap with quantiles, gradient mass, triplet error, ranks, hubs, and with `truth` false_negatives: negatives that are relevant
    though the run did not know, of all negatives of queries that have such passages, with both 95 % intervals.
    random: the same rate of passages drawn blindly; known: pairs of the truth that the run knew from another split, left out here.
    """
    path, dataset, own = run.candidates, run.dataset, run.config
    points = settings(own, grid)
    for point in points:
        check_evidence(point.config, run)
    hidden = None if truth is None else Hidden(dataset, untold(dataset, truth))
    measures = measure(path, dataset, [point.config for point in points], hidden, on_progress)
    rows = [_row(point, told, point.config == own) for point, told in zip(points, measures, strict=True)]
    told: Told = {"axes": list(points[0].values), "queries": len(dataset.queries), "settings": rows}
    if hidden is None or truth is None:
        return told
    known = Hidden(dataset, truth).describe()["pairs"] - hidden.describe()["pairs"]
    return told | {"hidden": hidden.describe() | {"known": known}}


def untold(dataset: Dataset, truth: Truth) -> Truth:
    """The truth without what the run knew from another split or the same question under another id: that is never mined, nor hidden."""
    same = dataset.qrels.same
    if same is None:
        return truth
    rows, position = distinct(dataset.corpus)
    group = np.repeat(np.arange(len(same.indptr) - 1), np.diff(same.indptr))
    theirs = same.group[truth.queries].astype(np.int64)  # -1: none, and no key below 0 is told
    told = np.isin(theirs * len(rows) + position[truth.passages], group * len(rows) + position[same.rows])
    return Truth(truth.queries[~told], truth.passages[~told], truth.unknown)


def measure(
    path: Path,
    dataset: Dataset,
    configs: Sequence[MiningConfig],
    hidden: Hidden | None = None,
    on_progress: Progress | None = None,
    wrong: Sequence[Wrong] = (),
) -> list[Told]:
    """The numbers of each config over stored candidates, in one pass over the blocks.

    wrong: one for each config, to go on counting in; with them no rate is told.
    """
    check_belongs(path, dataset)
    similarity = about(path)["similarity"]
    choosers = [chooser_of(path, dataset, config) for config in configs]
    tallies = [Tally(list(config.active_filters), config.negatives, config.depth, similarity) for config in configs]
    counting = wrong or [Wrong(len(dataset.queries)) for _ in configs if hidden]
    done = 0
    for block in read_blocks(path):
        if hidden:
            for part in block.longest:
                hidden.see(part)
        for place, (chooser, tally) in enumerate(zip(choosers, tallies, strict=True)):
            for anchors, dropped, negatives in map(chooser.choose, chooser.searched(block)):
                tally.add(anchors, dropped, negatives)
                if hidden:
                    counting[place].add(negatives, hidden)
        done += len(block)
        if on_progress:
            on_progress("sweep", done, len(dataset.queries))
    rates = _rates(counting, hidden, dataset) if hidden and not wrong else [{} for _ in configs]
    return [_numbers(tally, dataset, similarity) | rate for tally, rate in zip(tallies, rates, strict=True)]


class Hidden:
    """Passages that are relevant to a query though the run did not know: not among its positives, nor the very text of one."""

    def __init__(self, dataset: Dataset, truth: Truth) -> None:
        rows, self._position = distinct(dataset.corpus)
        self._texts, self._unknown = len(rows), truth.unknown
        owners = np.repeat(np.arange(len(dataset.queries)), np.diff(dataset.qrels.indptr))
        shown = dataset.qrels.grades >= dataset.qrels.min_grade
        known = self._keys(owners[shown], dataset.qrels.rows[shown])
        self._pairs = np.setdiff1d(self._keys(truth.queries, truth.passages), known)
        self.queries: Bools = np.zeros(len(dataset.queries), dtype=bool)
        self.queries[self._pairs // self._texts] = True
        positives = np.bincount(known // self._texts, minlength=len(self.queries))[self.queries]
        each = np.bincount(self._pairs // self._texts, minlength=len(self.queries))[self.queries]
        self.random = float((each / (self._texts - positives)).mean()) if len(each) else None
        self._retrieved = 0

    def among(self, queries: Ints, rows: Rows) -> Bools:
        """Shape (B, M): True where a passage is relevant to its query and was hidden."""
        keys = self._keys(queries[:, None], rows)
        at = np.minimum(np.searchsorted(self._pairs, keys), max(0, len(self._pairs) - 1))
        found: Bools = (self._pairs[at] == keys) & (rows >= 0) if len(self._pairs) else np.zeros(rows.shape, dtype=bool)
        return found

    def see(self, part: Candidates) -> None:
        """Count the hidden ones that were retrieved, and so could have become negatives."""
        self._retrieved += int(self.among(part.queries, part.rows).sum())

    def describe(self) -> Told:
        """How many there are, and how many could have been taken."""
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


class Wrong:
    """Negatives, and false ones among them, of each query (Q,) that has hidden positives, and by their rank."""

    BUCKETS: ClassVar[dict[str, int]] = {"1-5": 5, "6-10": 10, "11-30": 30, "31-100": 100, "101-": 2**31}
    """Ranks by name, and the last of each."""

    def __init__(self, queries: int) -> None:
        self.false, self.all = np.zeros(queries, dtype=np.int64), np.zeros(queries, dtype=np.int64)
        self.false_by_rank, self.all_by_rank = (np.zeros(len(self.BUCKETS), dtype=np.int64) for _ in "fa")

    def add(self, negatives: Negatives, hidden: Hidden) -> None:
        """Count some anchors."""
        asked = hidden.queries[negatives.queries][:, None] & (negatives.rows >= 0)
        false = hidden.among(negatives.queries, negatives.rows) & asked
        np.add.at(self.false, negatives.queries, false.sum(axis=1))
        np.add.at(self.all, negatives.queries, asked.sum(axis=1))
        bucket = np.searchsorted(list(self.BUCKETS.values()), negatives.ranks)
        self.false_by_rank += np.bincount(bucket[false], minlength=len(self.BUCKETS))
        self.all_by_rank += np.bincount(bucket[asked], minlength=len(self.BUCKETS))


def _rates(wrong: Sequence[Wrong], hidden: Hidden, dataset: Dataset) -> list[Told]:
    asked = hidden.queries
    false, every = (np.stack([getattr(counts, name)[asked] for counts in wrong], axis=1) for name in ("false", "all"))
    intervals = clustered(false, every, id_keys(dataset.queries)[asked])
    told = []
    for i, (part, whole) in enumerate(zip(false.sum(axis=0).tolist(), every.sum(axis=0).tolist(), strict=True)):
        queries = share(int((false[:, i] > 0).sum()), int(asked.sum()))
        interval = {"wilson": wilson(part, whole), "by_query": intervals[i]}
        told.append({"false_negatives": {"false": part, "of": whole, "rate": share(part, whole), **interval, "queries": queries}})
    return told


def _numbers(tally: Tally, dataset: Dataset, similarity: str) -> Told:
    chosen = tally.chosen()
    counts = counts_of(chosen, tally.setup, tally.codes)
    hubs, ranks, margin = hubs_of(chosen, dataset), rank_spread(chosen.ranks[chosen.found]), spread(chosen.margins)
    return {
        "rows": counts["rows"]["any"],
        "pairs": counts["pairs"],
        "negatives": counts["chosen"],
        "kept": counts["kept"],
        "dropped": counts["dropped"],
        "coverage": {name: share(counts["rows"][name], counts["pairs"]) for name in ("all", "any", "none")},
        "tiers": {tier: share(count, counts["chosen"]) for tier, count in counts["tiers"].items()},
        **hardness_of(chosen, similarity),
        "margin": {name: margin[name] for name in ("mean", "std", "min", "quantiles", "max")},
        "ranks": {"median": ranks["median"], "quantiles": ranks["quantiles"]},
        **{name: hubs[name] for name in ("passages_used", "top_percent_share", "gini")},
    }


def _row(point: Setting, numbers: Told, own: bool) -> Told:
    return {"values": point.values, "flags": " ".join(point.flags), "own": own, **numbers}

"""Compares two runs: shared negatives, gained and lost ones and why, and the change of scores and ranks.

Pass 2 is repeated on the stored candidates of both, block by block. Queries and passages are matched by id, so corpora, models and
settings may differ.
"""

from __future__ import annotations

from typing import Any, TypedDict

import numpy as np

from miner.comparison.changed_queries import ChangedQuery, examples
from miner.comparison.matching import SharedCounts, Space, within
from miner.comparison.overlap import Overlap, RankShift, ScoreChange, drift, overlap, shift
from miner.comparison.run_side import FateCounts, Fates, side_of
from miner.comparison.settings_diff import approximate, counts, differences, dropped, equal_numbers
from miner.runs.run import Run
from miner.types import Progress


class Comparison(TypedDict):
    """The result of `compare`, JSON-safe; [value of the first, value of the second] where a list has two items."""

    queries: SharedCounts
    overlap: Overlap
    gained: FateCounts
    lost: FateCounts
    scores: dict[str, ScoreChange]
    positives: RankShift
    config: dict[str, list[Any]]
    counts: dict[str, list[Any]]
    dropped: dict[str, list[Any]]
    unchanged: list[str]
    examples: list[ChangedQuery]
    notes: list[str]


def compare(first: Run, second: Run, on_progress: Progress | None = None) -> Comparison:
    """Everything that differs between `first` and `second`, on the queries they share; gained are negatives of `second` only.

    unchanged: what is the same in both: names of numbers, `− FILTER`, `gained`, `lost`, `scores of negatives`, `ranks of positives` ...
    notes: sentences on numbers that say less than they seem to.
    A negative of one run only has a fate in the other: not retrieved, dropped by a filter, or kept and not chosen.
    """
    space = Space(first.dataset, second.dataset)
    sides = [side_of(run, space, number, on_progress) for number, run in enumerate((first, second))]
    negatives = [within(side[0], space) for side in sides]
    positives = [within(side[1], space) for side in sides]
    lost, gained = (np.setdiff1d(negatives[i].keys, negatives[1 - i].keys) for i in (0, 1))
    fates = [Fates(first, space, 0, gained, on_progress), Fates(second, space, 1, lost, on_progress)]
    changes, ranks = drift(negatives, positives, (lost, gained), fates), shift(positives)
    fate_counts = {"gained": fates[0].describe(), "lost": fates[1].describe()}
    return {
        "queries": space.describe(),
        "overlap": overlap(negatives, space),
        "gained": fate_counts["gained"],
        "lost": fate_counts["lost"],
        "scores": changes,
        "positives": ranks,
        "config": differences(first.manifest, second.manifest),
        "counts": counts(first, second),
        "dropped": dropped(first, second),
        "unchanged": [
            *(name for name, fate in fate_counts.items() if not fate["pairs"]),
            *(f"scores of {name}" for name, change in changes.items() if change["min"] == change["max"] == 0),
            *(["ranks of positives"] if ranks["better"] == ranks["worse"] == 0 else []),
            *equal_numbers({**counts(first, second), **{f"− {name}": values for name, values in dropped(first, second).items()}}),
        ],
        "examples": examples(space, negatives, (lost, gained), fates),
        "notes": [] if ranks["better"] == ranks["worse"] == 0 else approximate((first, second)),
    }

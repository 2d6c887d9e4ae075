"""Two runs side by side: the same queries, which negatives they share, what was gained and lost and why, how scores and ranks moved.

Both are chosen again from their stored candidates, block by block, and met by ids: corpora, models and settings may differ.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from miner.comparison.changed_queries import examples
from miner.comparison.matching import Space, within
from miner.comparison.overlap import drift, overlap, shift
from miner.comparison.run_side import Fates, side_of
from miner.comparison.settings_diff import counts, differences, dropped
from miner.runs.run import Run
from miner.types import Progress

Told = dict[str, Any]


def compare(first: Run, second: Run, on_progress: Progress | None = None) -> Told:
    """Everything that differs, JSON-safe; gained and lost go from `first` to `second`, on the queries they share.

    queries, overlap, gained, lost, scores, positives, config, counts, examples. A pair that one run chose and the other did not has a
    fate there: not retrieved, dropped by which filter, or kept and outranked.
    """
    space = Space(first.dataset, second.dataset)
    sides = [side_of(run, space, number, on_progress) for number, run in enumerate((first, second))]
    negatives = [within(side[0], space) for side in sides]
    positives = [within(side[1], space) for side in sides]
    lost, gained = (np.setdiff1d(negatives[i].keys, negatives[1 - i].keys) for i in (0, 1))
    fates = [Fates(first, space, 0, gained, on_progress), Fates(second, space, 1, lost, on_progress)]
    return {
        "queries": space.describe(),
        "overlap": overlap(negatives, space),
        "gained": fates[0].describe(),
        "lost": fates[1].describe(),
        "scores": drift(negatives, positives, (lost, gained), fates),
        "positives": shift(positives),
        "config": differences(first.manifest, second.manifest),
        "counts": counts(first, second),
        "dropped": dropped(first, second),
        "examples": examples(space, negatives, (lost, gained), fates),
    }

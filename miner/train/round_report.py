"""The report of a loop: what each round counts, how two rounds differ, which round is best, and when the loop ends.

Two kinds of queries are never mixed: `dev` and `gain` are of held-out queries; overlap, ranks, gap and gradient mass are of the queries
that train.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import numpy as np

from miner.evaluation.intervals import Interval, clustered
from miner.support import noise
from miner.train.config import LoopConfig
from miner.train.dev_scores import Gain
from miner.train.negatives import AnchorResult
from miner.train.notebook import AnchorKey
from miner.train.round_examples import RoundExample


class RoundChanges(TypedDict):
    """The differences between two rounds.

    jaccard: mean overlap of the negatives of an anchor.
    positive_rank: median and mean rank of the positives.
    rank_shift: mean shift of that rank, and the shares of anchors with a better and a worse one.
    gap: mean of reference score minus mean score of the negatives.
    gradient_mass: mean share of the softmax on the negatives.
    gap_drift: mean difference of the gap.
    """

    jaccard: float | None
    positive_rank: dict[str, float]
    rank_shift: dict[str, float] | None
    gap: float
    gradient_mass: float
    gap_drift: float | None


class RoundCounts(TypedDict):
    """The counts of one round, as in anchors.json.

    retained, refreshed: negatives that the previous round trained on too, and others.
    returned: of those others, the ones that an earlier round had written down.
    evicted, refused: entries that trained and have become easy (or are no candidates any more), and those that a filter drops now.
    forgotten: entries that the caps keep from training.
    missing: negatives that the anchors lack.
    training_rows, rows_repeated: rows of the training file, and duplicates left out.
    variations: further negatives made from the texts of the row's negatives, where the settings make any.
    """

    retained: int
    refreshed: int
    returned: NotRequired[int]
    evicted: int
    refused: int
    missing: int
    forgotten: NotRequired[int]
    training_rows: int
    rows_repeated: int
    variations: NotRequired[int]


class FalseNegatives(TypedDict):
    """Hidden positives among the negatives of queries that have some. interval: 95 %, over queries."""

    hidden: int
    negatives: int
    interval: Interval


class DevReport(TypedDict):
    """Scores of held-out queries.

    dev, dev_measures: scores of the round's model; dev_before: the score before any training (dev_measure: which one).
    gain: over the best model so far.
    """

    dev: float | None
    dev_before: float | None
    dev_measure: str
    dev_measures: NotRequired[dict[str, float]]
    gain: NotRequired[Gain | None]


class RoundReport(RoundChanges, RoundCounts, DevReport):
    """The report of one round: the content of delta.json.

    false_negatives: their share; false_negative_counts: where it comes from.
    notebook: entries by status; ages: active entries by the number of rounds since they were written down.
    examples: entries that the round added, evicted, refused or forgot, with their texts.
    verdicts: sha256 of the verdicts in the round's mined run; empty without any.
    """

    round: int
    false_negatives: float | None
    false_negative_counts: NotRequired[FalseNegatives | None]
    notebook: dict[str, int]
    ages: NotRequired[dict[str, int]]
    examples: NotRequired[list[RoundExample]]
    verdicts: NotRequired[dict[str, str]]
    warnings: list[str]


class LoopIdentity(TypedDict):
    """What a resumed loop must share with the interrupted one.

    data, training, mining, loop: settings as JSON.
    verdicts: sha256 of the verdict files, by path.
    dev: settings of the dev data as JSON, or its number of queries.
    """

    data: dict[str, object]
    training: dict[str, object]
    mining: dict[str, object]
    loop: dict[str, object]
    verdicts: dict[str, str]
    dev: dict[str, object]


class LoopReport(TypedDict):
    """The content of loop.json.

    before: measures of the model before training on dev.
    best: number of the best round, 0 where none beats the model before training.
    stopped: why the loop ended.
    files: SHA-256 of the files, by name.
    """

    identity: LoopIdentity
    before: NotRequired[dict[str, float] | None]
    rounds: list[RoundReport]
    best: int
    stopped: str
    done: bool
    files: NotRequired[dict[str, str]]


def stop_reason(rounds: Sequence[RoundReport], rules: LoopConfig) -> str | None:
    """Return why the loop ends after these rounds, or None: no gain on dev, false negatives doubled, the same negatives again."""
    return _no_gain(rounds, rules) or _doubled(rounds) or _same(rounds[-1], rules)


def _no_gain(rounds: Sequence[RoundReport], rules: LoopConfig) -> str | None:
    """A round whose gain is certainly below epsilon counts whole; where epsilon lies within the interval, dev cannot decide: half."""
    without_gain = 0.0
    for entry in rounds:
        if gain := entry.get("gain"):
            counts = 1.0 if gain["interval"][1] < rules.epsilon else 0.5
            without_gain = 0.0 if gain["mean"] >= rules.epsilon else without_gain + counts
    last = rounds[-1].get("gain")
    if not last or without_gain < rules.wait:
        return None
    low, high = last["interval"]
    return f"no gain of {rules.epsilon:g} on dev: {last['mean']:+.4f}, between {low:+.4f} and {high:+.4f}"


def _doubled(rounds: Sequence[RoundReport]) -> str | None:
    """More than twice the first round's share, and the difference is above zero beyond chance."""
    last, first = rounds[-1].get("false_negative_counts"), rounds[0].get("false_negative_counts")
    if len(rounds) == 1 or not last or not first:
        return None
    rate, initial_rate = last["hidden"] / last["negatives"], first["hidden"] / first["negatives"]
    if rate <= 2 * max(initial_rate, 1e-4) or least_difference(rate, last["interval"], initial_rate, first["interval"]) <= 0:
        return None
    return f"measured false negatives rose to {rate:.1%} ({last['hidden']} of {last['negatives']:,}) from {initial_rate:.1%}"


def _same(last: RoundReport, rules: LoopConfig) -> str | None:
    is_same = last["jaccard"] is not None and last["jaccard"] > rules.same
    return f"{last['jaccard']:.0%} of the negatives are the last round's" if is_same else None


def least_difference(share: float, interval: Interval, other: float, other_interval: Interval) -> float:
    """The lower end of the 95 % interval of share - other, from the intervals of both (square-and-add, Newcombe 1998)."""
    return share - other - math.hypot(share - interval[0], other_interval[1] - other)


def best_round(rounds: Sequence[RoundReport], before: float | None = None) -> int:
    """Return the round with the best dev score, the earlier one of equals; 0 is the model before training. The last without dev data."""
    if rounds[-1]["dev"] is None:
        return int(rounds[-1]["round"])
    scores = {0: before, **{entry["round"]: entry["dev"] for entry in rounds}}
    return max((number for number in scores if scores[number] is not None), key=lambda number: (scores[number] or 0.0, -number))


def false_negatives(anchors: Mapping[AnchorKey, AnchorResult], hidden: Mapping[str, set[str]], seed: int) -> FalseNegatives | None:
    """Count the hidden positives among the negatives of queries that have some; None where there is nothing to count."""
    names = sorted({query for query, _ in anchors if query in hidden})
    counts = {name: [0, 0] for name in names}
    for (query, _), anchor in anchors.items():
        if query in counts:
            counts[query][0] += len(hidden[query] & set(anchor.negatives))
            counts[query][1] += len(anchor.negatives)
    parts, wholes = (np.array([[counts[name][place]] for name in names], dtype=np.int64).reshape(-1, 1) for place in (0, 1))
    if not wholes.sum():
        return None
    interval = clustered(parts, wholes, noise.keys(names), seed)[0] or (0.0, 1.0)
    return {"hidden": int(parts.sum()), "negatives": int(wholes.sum()), "interval": interval}


def changes(anchors: Mapping[AnchorKey, AnchorResult], previous: Mapping[AnchorKey, AnchorResult]) -> RoundChanges:
    """Compare two rounds. Overlap and shifts are means over the anchors of both rounds; None where there are none."""
    common = [key for key in anchors if key in previous]
    pairs = [(set(anchors[key].negatives), set(previous[key].negatives)) for key in common]
    shared = [len(a & b) / len(a | b) for a, b in pairs if a | b]
    ranks = np.array([anchor.rank for anchor in anchors.values()], dtype=np.float64)
    shifts = np.array([anchors[key].rank - previous[key].rank for key in common], dtype=np.float64)
    moved = {"mean": shifts.mean(), "better": (shifts < 0).mean(), "worse": (shifts > 0).mean()} if common else None
    return {
        "jaccard": float(np.mean(shared)) if shared else None,
        "positive_rank": {"median": float(np.median(ranks)), "mean": float(ranks.mean())},
        "rank_shift": moved and {name: float(value) for name, value in moved.items()},
        "gap": float(np.mean([anchor.gap for anchor in anchors.values()])),
        "gradient_mass": float(np.mean([anchor.mass for anchor in anchors.values()])),
        "gap_drift": float(np.mean([anchors[key].gap - previous[key].gap for key in common])) if common else None,
    }

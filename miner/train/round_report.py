"""The report of a loop: what each round counts, how two rounds differ, which round is best, and when the loop ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

import numpy as np

from miner.train.config import LoopConfig
from miner.train.negatives import AnchorKey, AnchorResult


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

    retained, refreshed: negatives of the previous round, and new ones.
    evicted, refused: previous negatives that have become easy, and those that a filter drops.
    missing: negatives that the anchors lack.
    forgotten: entries removed from the notebook.
    training_rows, rows_repeated: rows of the training file, and duplicates left out.
    """

    retained: int
    refreshed: int
    evicted: int
    refused: int
    missing: int
    forgotten: int
    training_rows: int
    rows_repeated: int


class RoundReport(RoundChanges, RoundCounts):
    """The report of one round: the content of delta.json. dev: score after the round; dev_before: score before it."""

    round: int
    dev: float | None
    dev_before: float | None
    dev_measure: str
    false_negatives: float | None
    notebook: dict[str, int]
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
    """The content of loop.json. best: number of the best round; stopped: why the loop ended."""

    identity: LoopIdentity
    rounds: list[RoundReport]
    best: int
    stopped: str
    done: bool


def stop_reason(rounds: Sequence[RoundReport], rules: LoopConfig) -> str | None:
    """Return why the loop ends after these rounds, or None: no gain on dev, false negatives doubled, the same negatives again."""
    last, first = rounds[-1], rounds[0]
    if last["dev"] is not None:
        scores = [score for score in (first["dev_before"], *(entry["dev"] for entry in rounds)) if score is not None]
        best, rounds_without_gain = scores[0], 0
        for score in scores[1:]:
            best, rounds_without_gain = (score, 0) if score >= best + rules.epsilon else (max(best, score), rounds_without_gain + 1)
        if rounds_without_gain >= rules.wait:
            return f"no gain of {rules.epsilon:g} on dev in {rounds_without_gain} rounds"
    rate, initial_rate = last["false_negatives"], first["false_negatives"]
    if len(rounds) > 1 and rate is not None and initial_rate is not None and rate > 2 * max(initial_rate, 1e-4):
        return f"measured false negatives rose to {rate:.1%} from {initial_rate:.1%}"
    if last["jaccard"] is not None and last["jaccard"] > rules.same:
        return f"{last['jaccard']:.0%} of the negatives are the last round's"
    return None


def best_round(rounds: Sequence[RoundReport]) -> int:
    """Return the round with the best dev score, the earlier one of equals; the last one without dev data."""
    if rounds[-1]["dev"] is None:
        return int(rounds[-1]["round"])
    return int(max(rounds, key=lambda entry: (entry["dev"] or 0.0, -entry["round"]))["round"])


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

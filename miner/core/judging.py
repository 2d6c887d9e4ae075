"""Judging: which candidates may be negatives. A pure function of scores and evidence.

The first filter that drops a candidate is its reason, and scores are never overwritten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from miner.config import MiningConfig
from miner.types import Bools, Candidates, Codes, Filter, Ints, JudgeScores, weakest_positive_scores

PADDING = 255


def short_of(candidates: Candidates, config: MiningConfig) -> Ints:
    """Anchors of which at least one row would get fewer negatives than asked for."""
    filters, trust = list(config.active_filters.values()), config.judged != "ignore"
    if config.anchor == "weakest":
        return np.flatnonzero(is_short(judge(candidates, filters, trust=trust), config))
    anchors = per_positive(candidates)
    short = is_short(judge(anchors, filters, trust=trust), config)
    return np.flatnonzero(np.isin(candidates.queries, anchors.queries[short]))


def is_short(dropped: Codes, config: MiningConfig) -> Bools:
    """Shape (B,): True where fewer candidates are left than a row has negatives."""
    short: Bools = (dropped == 0).sum(axis=1) < config.negatives
    return short


def may_deepen(candidates: Candidates, config: MiningConfig) -> bool:
    """Whether short queries of this list are searched deeper: not where the list is longer than `depth`, or holds all there is."""
    return config.deepens and candidates.rows.shape[1] == config.depth


def judge(candidates: Candidates, filters: Sequence[Filter], *, trust: bool = True) -> Codes:
    """dropped_by, shape (B, K): 0 kept, 255 padding, else the 1-based place of the first filter that dropped it.

    A filter that estimates relevance does not drop what a verdict calls a true negative.
    trust: one that may be relaxed besides does not drop what was judged non-relevant.
    """
    dropped = np.where(candidates.present, 0, PADDING).astype(np.uint8)
    by_verdict, by_judgement = non_relevant(candidates, trust=False), non_relevant(candidates, trust=trust)
    for place, rule in enumerate(filters, 1):
        survivors = dropped == 0
        keep = rule(replace(candidates, survivors=survivors))
        exempt = by_judgement if rule.relax else by_verdict
        if exempt is not None and rule.estimates_relevance:
            keep = keep | exempt
        dropped[survivors & ~keep] = place
    return dropped


def non_relevant(candidates: Candidates, *, trust: bool = True) -> Bools | None:
    """Shape (B, K): True where the candidate was judged non-relevant (if `trust`), or a verdict says so; None where none was."""
    names = ("judged", "verdict") if trust else ("verdict",)
    masks = [candidates.evidence[name] == 1 for name in names if name in candidates.evidence]
    mask: Bools = np.logical_or.reduce(masks) if masks else np.zeros((0, 0), dtype=bool)
    return mask if mask.any() else None


def add_false_negatives(candidates: Candidates) -> Candidates:
    """Add passages with the verdict `false_negative` to the positives. The weakest of all positives sets the reference score."""
    verdicts = candidates.evidence.get("verdict")
    wrong = (
        np.zeros(candidates.rows.shape, dtype=bool) if verdicts is None else (verdicts == 2) & (candidates.evidence["known_positive"] == 0)
    )
    if not wrong.any():
        return candidates
    anchors, columns = np.nonzero(wrong)
    slots = (np.cumsum(wrong, axis=1) - 1)[anchors, columns]
    shape = (len(candidates), int(wrong.sum(axis=1).max()))
    rows, scores = np.full(shape, -1, dtype=np.int32), np.full(shape, np.nan, dtype=np.float32)
    rows[anchors, slots], scores[anchors, slots] = candidates.rows[anchors, columns], candidates.scores[anchors, columns]
    judges = {}
    for name, each in candidates.judges.items():
        added = np.full(shape, np.nan, dtype=np.float32)
        added[anchors, slots] = each.scores[anchors, columns]
        judges[name] = JudgeScores(each.scores, np.concatenate([each.positive_scores, added], axis=1))
    return replace(
        candidates,
        judges=judges,
        positives=np.concatenate([candidates.positives, rows], axis=1),
        positive_scores=np.concatenate([candidates.positive_scores, scores], axis=1),
        reference_scores=np.fmin(candidates.reference_scores, weakest_positive_scores(scores)),
    )


def per_positive(candidates: Candidates) -> Candidates:
    """One anchor for every (query, positive), whose reference score is that positive's own; evidence still knows all positives."""
    anchors, columns = np.nonzero(candidates.positives >= 0)
    pairs = candidates.take(anchors)
    scores = candidates.positive_scores[anchors, columns]
    judges = {
        name: JudgeScores(each.scores, candidates.judges[name].positive_scores[anchors, columns][:, None])
        for name, each in pairs.judges.items()
    }
    return replace(
        pairs,
        positives=candidates.positives[anchors, columns][:, None],
        positive_scores=scores[:, None],
        reference_scores=scores,
        judges=judges,
    )

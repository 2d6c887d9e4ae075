"""One candidate of each anchor with another score: what the filters would do with a variation in the place of its origin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from miner.types import Candidates, Filter, Floats, Ints

JUDGEMENTS = ("judged", "verdict")
"""Evidence about the text of the origin alone."""


def with_scores(anchors: Candidates, columns: Ints, scores: Floats) -> Candidates:
    """The candidates with `scores` (B,) at `columns` (B,). The order of the columns stays, and with it every rank."""
    places = (np.arange(len(anchors)), columns)
    new_scores = anchors.scores.copy()
    new_scores[places] = scores
    evidence = dict(anchors.evidence)
    for name in JUDGEMENTS:
        if name in evidence:
            evidence[name] = evidence[name].copy()
            evidence[name][places] = 0
    return replace(anchors, scores=new_scores, evidence=evidence)


def rule_names(rules: Sequence[Filter], filters: Mapping[str, Filter]) -> list[str]:
    """The filter behind each rule of a fallback level: in order where there are as many, else by identity. Level 3's window is `ranks`."""
    if len(rules) == len(filters):
        return list(filters)
    names = {id(rule): name for name, rule in filters.items()}
    return [names.get(id(rule), "ranks") for rule in rules]

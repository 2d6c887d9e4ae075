"""The slow, plain twin of several sources: what they find together, what each further one thinks, and what is made of that.

A source is a function of a query's and a passage's ids; they come by name, the one that judges first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np

Sources = dict[str, Callable[[str, str], float]]


def proposed(score_of: Callable[[str, str], float], query: str, passages: list[str], depth: int, *, by_words: bool) -> list[str]:
    """What one source finds, best first, ties by id; one that goes by words finds nothing without a common one."""
    there = [passage for passage in passages if not by_words or score_of(query, passage) > 0]
    return sorted(there, key=lambda passage: -score_of(query, passage))[:depth]


def pooled(sources: Sources, query: str, passages: list[str], depth: int, k: int) -> tuple[list[str], list[str]]:
    """What all find together, by the sum of 1 / (k + rank), ties by id; and what the first of them found. passages: by id."""
    lists = [proposed(each, query, passages, depth, by_words=name.startswith("bm25")) for name, each in sources.items()]
    worth = dict.fromkeys(passages, 0)
    for each in lists:
        for rank, passage in enumerate(each, 1):
            worth[passage] += round(Fraction(2**40, k + rank))
    return sorted((passage for passage in passages if worth[passage]), key=lambda passage: -worth[passage])[:depth], lists[0]


def elsewhere(sources: Sources, query: str, passage: str, positives: list[str]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """What each further source scores, and how far that lies below the weakest positive there, as a share of it."""
    scores, gaps = [], []
    for score_of in list(sources.values())[1:]:
        bar = min(score_of(query, one) for one in positives)
        scores.append(score_of(query, passage))
        gaps.append((bar - scores[-1]) / abs(bar) if bar else math.nan)
    return tuple(scores), tuple(gaps)


def suspected(rule, score: float, bar: float, gaps: Sequence[float]) -> bool:
    """Whether enough sources put a passage above their ceilings; a source with nothing to go by has no say."""
    own = (bar - score) / abs(bar) if bar else math.nan
    votes = [gap for gap in (own, *gaps) if np.float32(gap) < np.float32(rule.margin)]
    return len(votes) >= (math.ceil((1 + len(gaps)) / 2) if rule.sources is None else rule.sources)


def disagreement(first: list) -> dict[str, float]:
    """How much lower the others place each than the source that judges, on average; a place is how many score higher."""
    value = {}
    for one in first:
        own = sum(other.score > one.score for other in first)
        places = [sum(other.others[source] > theirs for other in first) for source, theirs in enumerate(one.others)]
        value[one.id] = sum(place - own for place in places) / len(places)
    return value

"""Filters of identity read the evidence, bit by bit."""

import math
from dataclasses import replace

import numpy as np
import pytest
from worlds import anchors_of

from miner.config.registry import Spec, build
from miner.errors import ConfigError
from miner.evidence import EVIDENCE
from miner.filters import DEFAULTS, FILTERS
from miner.filters.identity import KnownPositive, NearPositive, SameText, SelfMatch
from miner.types import JudgeScores


def candidates(**evidence):
    width = len(next(iter(evidence.values())))
    return anchors_of([range(width)], evidence={name: np.array([values]) for name, values in evidence.items()})


def test_known_positives_are_dropped():
    """Every one of them."""
    assert KnownPositive()(candidates(known_positive=[0, 1, 0])).tolist() == [[True, False, True]]


def test_same_text_drops_copies_of_positives_and_of_better_candidates():
    """Bits 1 and 4; the query's own text is another filter's business."""
    assert SameText()(candidates(same_text=[0, 1, 2, 4, 5, 6])).tolist() == [[True, False, True, False, False, False]]


@pytest.mark.parametrize(("ids", "keep"), [(False, [True, False, True, False]), (True, [True, False, False, False])])
def test_self_match_drops_the_querys_text_and_on_request_its_id(ids, keep):
    """Bit 2 of the text; the same id only if `ids` says that queries and passages are numbered together."""
    found = candidates(same_text=[1, 2, 4, 3], same_id=[0, 0, 1, 1])
    assert SelfMatch(ids)(found).tolist() == [keep]


def test_near_positive_drops_at_the_threshold():
    """Compared in float32, as the evidence is; no positive (NaN) drops nothing."""
    evidence = np.array([0.9, np.nextafter(np.float32(0.9), np.float32(0)), 0.95, -1.0, math.nan], dtype=np.float32)
    assert NearPositive(0.9)(candidates(near_positive=evidence)).tolist() == [[False, True, False, True, True]]


@pytest.mark.parametrize(
    ("near", "keep"),
    [
        ([0.85, 0.1, 0.2, 0.3], [False, True, True, True]),
        ([0.85, 0.86, 0.82, 0.81], [False, False, True, True]),
        ([0.85, 0.95, 0.92, 0.97], [True, False, False, False]),
        ([0.99, 0.85, 0.84, 0.1], [False, False, True, True]),
        ([math.nan, math.nan, math.nan, 0.85], [True, True, True, True]),
    ],
)
def test_the_threshold_rises_where_too_many_lie_so_near(near, keep):
    """To the half that lies nearest, and never above 0.9: a model may call everything alike, and a copy is a copy."""
    found = candidates(near_positive=np.array(near, dtype=np.float32), known_positive=[0, 0, 0, 0])
    assert NearPositive(0.8, most=0.5)(found).tolist() == [keep]


@pytest.mark.parametrize("most", [0, 1.1, -1])
def test_a_share_that_is_none_is_refused(most):
    """Above 0, at most 1."""
    with pytest.raises(ConfigError, match="filter 'near_positive' wants 0 < most <= 1, got most="):
        NearPositive(0.8, most=most)


@pytest.mark.parametrize("name", FILTERS)
def test_every_filter_answers_yes_or_no_and_changes_nothing(name):
    """Shape (B, K), booleans; the candidates are as they were; the evidence it needs exists."""
    zeros = [0] * 6
    found = candidates(**dict.fromkeys([*EVIDENCE, "verdict", "gap:bm25"], zeros))
    found = replace(found, shared={"population": np.array([0.1, 0.5], dtype=np.float32)})
    before = found.scores.copy()
    knobs = {"max_score": ":score=0.5", "min_score": ":score=0.5", "scored": ":by=cross-encoder"}
    found = replace(found, judges={"cross-encoder": JudgeScores(found.scores, found.positive_scores)})
    rule = build("filter", FILTERS, Spec.parse(f"{name}{knobs.get(name, '')}"))
    answer = rule(found)
    assert answer.shape == (1, 6)
    assert answer.dtype == bool
    assert set(rule.needs) <= {*(told.partition(":")[0] for told in found.evidence), *found.shared}
    assert isinstance(rule.estimates_relevance, bool)
    assert np.array_equal(found.scores, before)


def test_the_table_is_in_order_of_plainness():
    """Identity before score, score before rank: the first reason is the plainest; the defaults are in the table."""
    assert list(FILTERS)[:4] == ["known_positive", "verdict", "partly_relevant", "self_match"]
    assert list(FILTERS)[-1] == "ranks"
    assert [Spec.parse(text).name for text in DEFAULTS] == [
        name for name in FILTERS if name in {Spec.parse(text).name for text in DEFAULTS}
    ]

"""Ceilings and bounds on the score, at and around equality."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miner.errors import ConfigError
from miner.filters.score import Margin, MaxScore, MinScore
from miner.types import Candidates

F = np.float32


def candidates(scores, bar=math.nan):
    scores = np.array([scores], dtype=F)
    rows = np.where(np.isnan(scores), -1, np.arange(scores.shape[1])).astype(np.int32)
    one = np.full((1, 1), bar, dtype=F)
    return Candidates(np.zeros(1, np.int64), rows, scores, np.zeros((1, 1), np.int32), one, one[:, 0])


@pytest.mark.parametrize(
    ("bar", "knobs", "scores", "keep"),
    [
        (0.8, {}, [0.81, F(0.8), 0.79], [False, True, True]),
        (0.5, {"relative": 0.5}, [0.3, 0.25, 0.2], [False, True, True]),
        (0.5, {"absolute": 0.25}, [0.3, 0.25, 0.2], [False, True, True]),
        (0.5, {"absolute": -0.25}, [0.8, 0.75, 0.7], [False, True, True]),
        (1.0, {"relative": 0.25, "absolute": 0.25}, [0.6, 0.5, 0.4], [False, True, True]),
        (-0.5, {"relative": 0.5}, [-0.5, -0.74, -0.75, -0.8], [False, False, True, True]),
        (0.0, {"relative": 0.5}, [0.1, 0.0, -0.1], [False, True, True]),
    ],
)
def test_margin_lies_below_the_bar(bar, knobs, scores, keep):
    """bar - |bar| * relative - absolute; equality is kept; a negative bar lowers the ceiling."""
    assert Margin(**knobs)(candidates(scores, bar)).tolist() == [keep]


@settings(max_examples=200)
@given(bar=st.floats(-2, 2, width=32), relative=st.floats(0, 1), absolute=st.floats(0, 1), score=st.floats(-3, 3, width=32))
def test_margin_is_plain_arithmetic_in_float64(bar, relative, absolute, score):
    """For any numbers; a margin never lets through what the bar alone would stop."""
    kept = bool(Margin(absolute, relative)(candidates([score], bar))[0, 0])
    assert kept == (not float(F(score)) > float(F(bar)) - abs(float(F(bar))) * relative - absolute)
    assert not kept or score <= bar


def test_margin_without_a_bar_drops_nothing():
    """An unknown positive score says nothing about candidates; padding passes."""
    assert Margin(relative=0.5)(candidates([0.9, 0.1, math.nan])).all()


def test_bounds_keep_equality():
    """max_score drops what is above, min_score what is below; padding passes."""
    scores = candidates([0.75, 0.5, 0.25, math.nan])
    assert MaxScore(0.5)(scores).tolist() == [[False, True, True, True]]
    assert MinScore(0.5)(scores).tolist() == [[True, True, False, True]]


@pytest.mark.parametrize(("part", "name"), [(MaxScore, "max_score"), (MinScore, "min_score")])
def test_bounds_need_a_number(part, name):
    """There is no default that makes sense."""
    with pytest.raises(ConfigError, match=f"filter '{name}' needs a score: write score=0.7"):
        part()

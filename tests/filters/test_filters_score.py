"""Ceilings and bounds on the score, at and around equality."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import anchors_of

from miner.errors import ConfigError
from miner.filters.score import Margin, MaxScore, MinScore

F = np.float32


def candidates(scores, bar=math.nan, background=math.nan, known=()):
    rows = [[-1 if math.isnan(score) else i for i, score in enumerate(scores)]]
    told = np.array([[place in known for place in range(len(scores))]], dtype=np.uint8)
    return anchors_of(rows, [scores], bar=[bar], background=[background], evidence={"known_positive": told})


@pytest.mark.parametrize(
    ("bar", "knobs", "scores", "keep"),
    [
        (0.8, {}, [0.81, F(0.8), 0.79], [False, True, True]),
        (0.5, {"relative": 0.5}, [0.3, 0.25, 0.2], [False, True, True]),
        (0.5, {"absolute": 0.25}, [0.3, 0.25, 0.2], [False, True, True]),
        (1.0, {"relative": 0.25, "absolute": 0.25}, [0.6, 0.5, 0.4], [False, True, True]),
        (-0.5, {"relative": 0.5}, [-0.5, -0.74, -0.75, -0.8], [False, False, True, True]),
        (0.0, {"relative": 0.5}, [0.1, 0.0, -0.1], [False, True, True]),
    ],
)
def test_margin_lies_below_the_bar(bar, knobs, scores, keep):
    """bar - |bar| * relative - absolute; equality is kept; a negative bar lowers the ceiling."""
    assert Margin(**knobs)(candidates(scores, bar)).tolist() == [keep]


@pytest.mark.parametrize(
    ("knobs", "scores", "keep"),
    [
        ({"background": 0.5}, [0.76, 0.75, 0.5], [False, True, True]),
        ({"background": 1.0}, [0.51, 0.5, 0.4], [False, True, True]),
        ({"background": 0.5, "relative": 0.5}, [0.75, 0.51, 0.5], [False, False, True]),
        ({"background": 0.5, "relative": 0.1}, [0.9, 0.76, 0.75], [False, False, True]),
    ],
)
def test_margin_may_be_a_share_of_the_height_over_the_background(knobs, scores, keep):
    """The lower of the two ceilings counts; here the bar is 1 and the background 0.5."""
    assert Margin(**knobs)(candidates(scores, 1.0, 0.5)).tolist() == [keep]


@pytest.mark.parametrize("background", [math.nan, 0.9])
def test_a_background_above_the_bar_or_unknown_changes_nothing(background):
    """There is no height to take a share of."""
    assert Margin(background=0.5)(candidates([0.51, 0.5, 0.4], 0.5, background)).tolist() == [[False, True, True]]


small = st.floats(-2, 2, width=32)
shares = st.floats(0, 1)


@settings(max_examples=150)
@given(bar=small, background=small, absolute=shares, relative=shares, height=shares, score=st.floats(-3, 3, width=32))
def test_margin_is_plain_arithmetic_in_float64(bar, background, absolute, relative, height, score):
    """For any numbers; a margin never lets through what the bar alone would stop."""
    kept = bool(Margin(absolute, relative, height)(candidates([score], bar, background))[0, 0])
    ceiling = min(bar - abs(bar) * relative - absolute, bar - height * max(bar - background, 0))
    assert kept == (not score > ceiling)
    assert not kept or score <= bar


@pytest.mark.parametrize(
    ("below", "known", "keep"),
    [
        (0, (), [False, False, False, False, True]),
        (2, (), [False, False, False, False, True]),
        (3, (), [True, True, True, True, True]),
        (2, (0,), [True, True, True, True, True]),
        (1, (0,), [False, False, False, False, True]),
        (9, (2, 3, 4), [False, False, False, False, True]),
    ],
)
def test_the_ceiling_holds_where_enough_others_outscore_the_bar(below, known, keep):
    """Equality outscores nothing, and a known positive is no other."""
    assert Margin(relative=0.5, below=below)(candidates([0.9, 0.8, 0.5, 0.4, 0.25], 0.5, known=known)).tolist() == [keep]


def test_a_number_below_zero_is_refused():
    """It would mean nothing."""
    with pytest.raises(ConfigError, match="filter 'margin' wants below >= 0, got below=-1"):
        Margin(below=-1)


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


@pytest.mark.parametrize("knobs", [{}, {"relative": 0.05}, {"absolute": 0.1}, {"background": 0.3}])
def test_nothing_is_below_a_bar_of_minus_infinity(knobs):
    """Such as a cross-encoder may give: no share of it is a number, and no candidate is kept for that."""
    assert Margin(**knobs)(candidates([0.5, -9.0], -math.inf)).tolist() == [[False, False]]

"""The ceiling by rank among all positives equals a slow count."""

import math
from dataclasses import replace

import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import anchors_of

from miner.errors import ConfigError
from miner.filters.copies import Containment
from miner.filters.percentile import Percentile


def candidates(scores, bar, population):
    return replace(anchors_of([range(len(scores))], [scores], bar=[bar]), shared={"population": np.array(population, dtype=np.float32)})


TEN = [i / 10 for i in range(1, 11)]


@pytest.mark.parametrize(
    ("knobs", "bar", "highest"),
    [
        ({"beta": 0.5, "floor": 0}, 0.8, 0.4),
        ({"beta": 1, "floor": 0}, 0.8, 0.8),
        ({"beta": 0.5, "floor": 0}, 0.85, 0.4),
        ({"beta": 0.01, "floor": 0}, 1.0, 0.1),
        ({"beta": 0.01, "floor": 0.3}, 1.0, 0.3),
        ({"beta": 1, "floor": 0}, 0.0, 0.1),
    ],
)
def test_ceiling_among_ten_positives(knobs, bar, highest):
    """The score that beta of the positives up to the bar do not exceed; the floor lifts it; equality is kept."""
    kept = Percentile(**knobs)(candidates(TEN, np.float32(bar), TEN))[0]
    assert [round(score, 1) for score, keep in zip(TEN, kept, strict=True) if keep] == [s for s in TEN if s <= highest]


scores = st.lists(st.integers(-8, 8).map(lambda i: i / 8), min_size=1, max_size=12)


@settings(max_examples=200)
@given(population=scores, scores=scores, bar=st.integers(-9, 9), beta=st.floats(0.01, 1), floor=st.floats(0, 1))
def test_equals_a_slow_count(population, scores, bar, beta, floor):
    """With ties, below all and above all positives."""
    rule = Percentile(beta, floor)
    ceiling = oracle.among_positives(rule, bar / 8, sorted(population))
    assert rule(candidates(scores, bar / 8, sorted(population))).tolist() == [[score <= ceiling for score in scores]]


def test_without_a_bar_or_positives_nothing_is_dropped():
    """Nothing is known."""
    assert Percentile()(candidates([0.9, 0.1], math.nan, TEN)).all()
    assert Percentile()(candidates([0.9, 0.1], 0.5, [])).all()


@pytest.mark.parametrize("knobs", [{"beta": 0}, {"beta": 1.5}, {"floor": -0.1}, {"floor": 2}])
def test_impossible_shares_are_refused(knobs):
    """When it is made."""
    with pytest.raises(ConfigError, match="filter 'percentile' wants 0 < beta <= 1 and 0 <= floor <= 1, got"):
        Percentile(**knobs)


def test_an_overlap_that_is_not_measured_is_refused():
    """Containment below one half is stored as none."""
    with pytest.raises(ConfigError, match=r"filter 'containment' wants an overlap from 0\.5 to 1, got 0\.4"):
        Containment(overlap=0.4)

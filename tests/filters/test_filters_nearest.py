"""A share of the candidates, those nearest to a positive, whatever the numbers are."""

import math

import numpy as np
import pytest
from worlds import anchors_of

from miner.errors import ConfigError
from miner.filters.nearest import Nearest


def judged(near, known=None, **knobs):
    evidence = {"near_positive": np.array([near], dtype=np.float32), "known_positive": np.array([known or [0] * len(near)])}
    return Nearest(**knobs)(anchors_of([range(len(near))], evidence=evidence)).tolist()[0]


def test_the_nearest_share_goes():
    """Two of five; what lies as near as the last of them goes too."""
    assert judged([0.1, 0.5, 0.9, 0.3, 0.7], share=0.4) == [True, True, False, True, False]
    assert judged([0.1, 0.7, 0.9, 0.3, 0.7], share=0.4) == [True, False, False, True, False]


@pytest.mark.parametrize(("share", "count"), [(0.57, 100), (0.29, 100)])
def test_a_share_is_of_whole_candidates(share, count):
    """0.57 x 100 is 56.999… in binary, and means 57."""
    near = np.random.default_rng(1).permutation(count) / count
    assert judged(near, share=share).count(False) == round(share * count) != int(share * count)


def test_only_the_first_are_counted():
    """Half of the first two is one; further down goes what lies as near as it."""
    assert judged([0.2, 0.4, 0.9, 0.3, 0.4], share=0.5, first=2) == [True, False, False, True, False]


def test_known_positives_are_not_counted():
    """They would fill the share."""
    assert judged([1.0, 0.2, 0.4], known=[1, 0, 0], share=0.5) == [False, True, False]


@pytest.mark.parametrize("near", [[0.9, 0.8], [math.nan] * 10])
def test_less_than_one_or_nothing_to_compare_with_drops_nothing(near):
    assert all(judged(near, share=0.4))


def test_no_scale_is_in_it():
    """Cosines squeezed between .8 and .9 give the same."""
    near = np.random.default_rng(0).uniform(-1, 1, 50)
    assert judged(near) == judged(0.85 + 0.05 * near)


@pytest.mark.parametrize("knobs", [{"share": 0}, {"share": 1}, {"first": 0}])
def test_wrong_knobs(knobs):
    with pytest.raises(ConfigError, match="filter 'nearest' wants 0 < share < 1 and first >= 1"):
        Nearest(**knobs)

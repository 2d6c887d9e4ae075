"""Intervals against known values, a slow twin of the bootstrap, and what must not matter."""

import numpy as np
import pytest

from miner.evaluation import intervals
from miner.evaluation.intervals import clustered, wilson
from miner.support import noise


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (1, 1000, 0.000177, 0.005642), (15, 100, 0.0931, 0.2328)],
)
def test_wilson_is_the_published_one(part, whole, low, high):
    """Values of the standard tables."""
    assert wilson(part, whole) == pytest.approx((low, high), abs=5e-5)


def test_of_nothing_there_is_no_interval():
    """Neither of the two."""
    assert wilson(0, 0) is None
    assert clustered(np.zeros((3, 1), int), np.zeros((3, 1), int), noise.keys("abc")) == [None]
    assert clustered(np.zeros((0, 2), int), np.zeros((0, 2), int), noise.keys([])) == [None, None]


def test_the_bootstrap_is_the_slow_one(monkeypatch):
    """Drawn query by query, counted by hand; the same in pieces of any size, and whatever the order of the queries."""
    monkeypatch.setattr(intervals, "REPLICATES", 50)
    rng = np.random.default_rng(3)
    wholes, keys = rng.integers(0, 5, (7, 2)), noise.keys(f"q{i}" for i in range(7))
    parts = rng.integers(0, wholes + 1)
    found = clustered(parts, wholes, keys, seed=9)
    order = sorted(range(7), key=lambda i: int(keys[i]))
    for setting in range(2):
        shares = []
        for replicate in range(50):
            drawn = [int(noise.uniform(9, keys[[i]], np.array([[replicate]], dtype=np.uint64))[0, 0] * 7) for i in order]
            taken = [order[place] for place in drawn]
            shares.append(sum(parts[taken, setting]) / sum(wholes[taken, setting]))
        assert found[setting] == pytest.approx(np.quantile(shares, (0.025, 0.975)))
    shuffled = rng.permutation(7)
    monkeypatch.setattr(intervals, "MAX_CELLS", 30)
    assert clustered(parts[shuffled], wholes[shuffled], keys[shuffled], seed=9) == found


def test_clusters_widen_an_interval():
    """Where all negatives of a query are alike, queries count, not negatives."""
    wholes = np.full((200, 1), 10)
    parts = np.where(np.arange(200) % 5 == 0, 10, 0)[:, None]
    (by_query,) = clustered(parts, wholes, noise.keys(f"q{i}" for i in range(200)))
    one_by_one = wilson(400, 2000)
    assert by_query[1] - by_query[0] > 2.5 * (one_by_one[1] - one_by_one[0])
    assert by_query == pytest.approx((0.145, 0.255), abs=0.012)

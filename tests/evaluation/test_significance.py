"""Tests of differences against plain loops and exact enumeration."""

import itertools

import numpy as np
import pytest

from miner.evaluation.significance import bootstrap, bootstrap_difference, holm, randomisation, steps_to


def test_randomisation_is_near_the_exact_p_value():
    """All 2^10 sign vectors, enumerated, against ten thousand drawn."""
    differences = np.random.default_rng(3).normal(0.3, 1, size=(10, 2))
    signs = np.array(list(itertools.product([-1, 1], repeat=10)))
    exact = (np.abs(signs @ differences / 10) >= np.abs(differences.mean(axis=0)) - 1e-12).mean(axis=0)
    np.testing.assert_allclose(randomisation(differences, 10_000, seed=1), exact, atol=0.02)


def test_no_difference_is_never_significant_and_a_large_one_is():
    """All zero: p = 1. A hundred equal gains: the smallest p there is."""
    assert randomisation(np.zeros((50, 1)))[0] == 1
    assert randomisation(np.ones((100, 1)), 999)[0] == pytest.approx(1 / 1000)


def test_bootstrap_against_plain_resampling():
    """Seeds and queries drawn in a loop give the same interval but for chance."""
    values = np.random.default_rng(0).normal(size=(4, 60)) + np.random.default_rng(1).normal(size=(4, 1))
    draw = np.random.default_rng(2)
    means = [values[np.ix_(draw.integers(4, size=4), draw.integers(60, size=60))].mean() for _ in range(4000)]
    np.testing.assert_allclose(bootstrap(values[:, :, None], 4000)[:, 0], np.quantile(means, [0.025, 0.975]), atol=0.06)


def test_seeds_widen_the_interval():
    """Seeds that differ are a source of chance that queries alone do not show."""
    values = np.repeat(np.array([0.1, 0.5, 0.9])[:, None, None], 40, axis=1)
    low, high = bootstrap(values)[:, 0]
    assert high - low > 0.4
    low, high = bootstrap(values.mean(axis=0, keepdims=True))[:, 0]
    assert high - low < 1e-9


def test_pairing_by_query_and_seed():
    """A constant gain over noisy queries has no width; one model without seeds is compared with several seeds."""
    theirs = np.random.default_rng(0).normal(size=(3, 50, 1))
    np.testing.assert_allclose(bootstrap_difference(theirs + 0.2, theirs)[:, 0], [0.2, 0.2], atol=1e-9)
    low, high = bootstrap_difference(theirs + 0.2, theirs[:1])[:, 0]
    assert low < high


def test_holm_step_down():
    """Worked out by hand, in any order; never above one, never falling."""
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_steps_to_a_target():
    """The first step that reached it, whatever the order; None where none did."""
    assert steps_to([(20, 0.5), (10, 0.3), (30, 0.6)], 0.5) == 20
    assert steps_to([(10, 0.3)], 0.5) is None


def test_the_same_seed_gives_the_same_numbers():
    """And another seed others."""
    values = np.random.default_rng(0).normal(size=(2, 30, 1))
    assert (bootstrap(values, seed=4) == bootstrap(values, seed=4)).all()
    assert (bootstrap(values, seed=4) != bootstrap(values, seed=5)).any()

"""Samplers rank what is kept; every one in the table keeps the promises of all."""

from dataclasses import replace

import numpy as np
import pytest
from worlds import anchors_of

from miner.errors import ConfigError
from miner.registry import Spec, build
from miner.samplers import SAMPLERS
from miner.samplers.uniform import Uniform

SPECS = [*SAMPLERS, "uniform:first=3", "uniform:first=1"]


def candidates(anchors=50, width=12, seed=0):
    scores = -np.sort(-np.random.default_rng(seed).standard_normal((anchors, width)), axis=1)
    found = anchors_of(np.tile(np.arange(width), (anchors, 1)), scores, bar=scores.max(axis=1))
    return replace(found, shared={"vectors": np.eye(width, dtype=np.float16)})


def noise_of(found, seed=1):
    return lambda: np.random.default_rng(seed).random(found.rows.shape)


@pytest.mark.parametrize("spec", SPECS)
def test_a_priority_for_every_candidate(spec):
    """Shape (B, K), finite, the same for the same noise; a batch does not matter."""
    found, kept = candidates(), np.random.default_rng(3).random((50, 12)) < 0.7
    sampler = build("sampler", SAMPLERS, Spec.parse(spec))
    priority = sampler(found, kept, noise_of(found))
    assert priority.shape == (50, 12)
    assert np.isfinite(priority).all()
    assert np.array_equal(priority, sampler(found, kept, noise_of(found)))
    half = sampler(found.take(np.arange(25)), kept[:25], lambda: noise_of(found)()[:25])
    assert np.array_equal(priority[:25], half)


def test_top_takes_the_best_scores():
    """Whatever the noise."""
    found = candidates()
    priority = SAMPLERS["top"]()(found, found.present, noise_of(found))
    assert np.argsort(-priority, axis=1, kind="stable").tolist() == [list(range(12))] * 50


def test_uniform_takes_any_with_the_same_chance():
    """Every place of the row is first about as often as any other."""
    found = candidates(anchors=6000)
    priority = Uniform()(found, found.present, noise_of(found))
    counts = np.bincount(priority.argmax(axis=1), minlength=12)
    assert abs(counts - 500).max() < 5 * np.sqrt(500)


def test_first_limits_the_draw_but_not_the_row():
    """The first three that were kept come before all others; the others stay behind them, so no row is cut short."""
    found = candidates()
    kept = np.tile(np.arange(12) % 2 == 1, (50, 1))
    priority = np.where(kept, Uniform(first=3)(found, kept, noise_of(found)), -np.inf)
    order = np.argsort(-priority, axis=1)
    assert all(set(row[:3]) == {1, 3, 5} for row in order.tolist())
    assert all(set(row[3:6]) == {7, 9, 11} for row in order.tolist())
    assert len({tuple(row[:3]) for row in order.tolist()}) == 6


@pytest.mark.parametrize("first", [0, -1])
def test_a_draw_among_none_is_refused(first):
    """When it is made."""
    with pytest.raises(ConfigError, match=f"sampler 'uniform' wants first >= 1, got {first}"):
        Uniform(first)

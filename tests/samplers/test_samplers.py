"""Samplers rank what is kept; every one in the table keeps the promises of all."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from oracle_sources import disagreement
from worlds import anchors_of

from miner.config import MiningConfig
from miner.config.registry import Spec, build
from miner.errors import ConfigError
from miner.samplers import SAMPLERS
from miner.samplers.disagreement import Disagreement
from miner.samplers.uniform import Uniform

SPECS = [*SAMPLERS, "uniform:first=3", "uniform:first=1"]


def candidates(anchors=50, width=12, seed=0):
    scores = -np.sort(-np.random.default_rng(seed).standard_normal((anchors, width)), axis=1)
    others = {"score:bm25": np.random.default_rng(seed + 1).integers(0, 4, scores.shape).astype(np.float32)}
    found = anchors_of(np.tile(np.arange(width), (anchors, 1)), scores, bar=scores.max(axis=1), evidence=others)
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


@pytest.mark.parametrize("first", [2, 5, 30])
def test_disagreement_is_the_difference_of_places(first):
    """By the plain twin, two other sources, with ties; what comes after the first so many is behind them, best first. No draw."""
    found = candidates(anchors=40)
    more = np.random.default_rng(9).standard_normal(found.rows.shape).astype(np.float32)
    scores = np.round(found.scores)
    found = replace(found, scores=scores, evidence={**found.evidence, "score:dense-2": more, "gap:dense-2": more})
    kept = np.random.default_rng(3).random(found.rows.shape) < 0.7
    priority = Disagreement(first)(found, kept, None)
    for row in range(40):
        columns = np.flatnonzero(kept[row]).tolist()
        pool = [SimpleNamespace(id=c, score=scores[row, c], others=(found.evidence["score:bm25"][row, c], more[row, c])) for c in columns]
        wanted = disagreement(pool[:first])
        assert {column: priority[row, column] for column in columns[:first]} == wanted
        assert all(priority[row, column] < min(wanted.values()) for column in columns[first:])


def test_the_student_s_own_error_comes_first():
    """Best here and worst there; what both place alike follows, and what the others place higher is last."""
    found = anchors_of([range(4)], [[0.9, 0.8, 0.7, 0.6]], evidence={"score:bm25": np.array([[0, 3, 0, 9]], dtype=np.float32)})
    order = np.argsort(-Disagreement()(found, found.present, None), axis=1, kind="stable")
    assert order.tolist() == [[0, 1, 2, 3]]
    found = replace(found, evidence={"score:bm25": np.array([[9, 3, 0, 1]], dtype=np.float32)})
    assert np.argsort(-Disagreement()(found, found.present, None), axis=1, kind="stable").tolist() == [[2, 0, 1, 3]]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("disagreement", "sampler 'disagreement' compares sources, and there is one only, dense"),
        ("disagreement:first=1", "sampler 'disagreement' wants first >= 2, got 1"),
    ],
)
def test_disagreement_wants_others_and_two_to_compare(spec, said):
    """Before any work."""
    with pytest.raises(ConfigError, match=said):
        MiningConfig.of(sampler=spec)

"""Samplers that draw or spread: their chances, their order, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from worlds import anchors_of

from miner.config.registry import Spec, build
from miner.errors import ConfigError
from miner.samplers import SAMPLERS
from miner.samplers.ambiguous import Ambiguous
from miner.samplers.diverse import Diverse
from miner.samplers.softmax import Softmax
from miner.samplers.stratified import Stratified

MANY = 20_000


def row(scores, bar=0.9, anchors=MANY):
    """The same scores for many anchors."""
    return anchors_of(np.tile(np.arange(len(scores)), (anchors, 1)), np.tile(scores, (anchors, 1)), bar=np.full(anchors, bar))


def firsts(sampler, found, kept=None, seed=0):
    """Which column each anchor takes first, as shares."""
    kept = found.present if kept is None else np.tile(kept, (len(found), 1))
    priority = sampler(found, kept, lambda: np.random.default_rng(seed).random(found.rows.shape))
    taken = np.where(kept, priority, -np.inf).argmax(axis=1)
    return np.bincount(taken, minlength=found.rows.shape[1]) / len(found)


@pytest.mark.parametrize("temperature", [0.05, 0.2, 10.0])
def test_softmax_draws_in_proportion(temperature):
    """exp(score / temperature)."""
    scores = np.array([0.5, 0.45, 0.4, 0.1])
    wanted = np.exp(scores / temperature) / np.exp(scores / temperature).sum()
    assert firsts(Softmax(temperature), row(scores)) == pytest.approx(wanted, abs=0.015)


@pytest.mark.parametrize(("a", "b"), [(0.5, 0.0), (2.0, -1.0), (0.0, 0.0)])
def test_ambiguous_draws_in_proportion(a, b):
    """exp(-a (gap / spread - b)^2) among the first that were kept; dropped ones do not count for the spread."""
    scores, kept = np.array([0.88, 0.85, 0.8, 0.6, 0.3, 0.2]), np.array([True, False, True, True, True, True])
    gaps = scores[[0, 2, 3]] - 0.9
    weights = np.exp(-a * (gaps / gaps.std() - b) ** 2)
    shares = firsts(Ambiguous(a, b, first=3), row(scores), kept)
    assert shares[[0, 2, 3]] == pytest.approx(weights / weights.sum(), abs=0.015)
    assert shares[[1, 4, 5]].sum() == 0


def test_ambiguous_has_a_floor_for_the_spread():
    """Scores that are all but equal are drawn alike, not by their last digits."""
    assert firsts(Ambiguous(floor=0.5), row([0.8000, 0.7999, 0.7998])) == pytest.approx([1 / 3] * 3, abs=0.015)


def test_stratified_gives_every_level_the_same_chance():
    """Three bins of which one is empty: the crowded bin is taken first as often as the other; the next comes from the other bin."""
    scores = np.array([1.0, 0.99, 0.98, 0.97, 0.1])
    found = row(scores)
    assert firsts(Stratified(3), found) == pytest.approx([1 / 8] * 4 + [1 / 2], abs=0.015)
    priority = Stratified(3)(found, found.present, lambda: np.random.default_rng(0).random(found.rows.shape))
    pairs = np.argsort(-priority, axis=1)[:, :2]
    assert ((pairs == 4).sum(axis=1) == 1).all()


def test_stratified_of_equal_scores_is_one_bin():
    """There is no width to cut."""
    assert firsts(Stratified(), row([0.5] * 4)) == pytest.approx([0.25] * 4, abs=0.015)


def test_diverse_takes_what_is_unlike():
    """The best, then the one unlike it, then their copies by what they are worth; what lies outside `first` comes last, best first."""
    vectors = np.array([[1, 0], [1, 0], [0, 1], [0.6, 0.8], [0, 1], [0, 1]], dtype=np.float16)
    found = replace(row([0.9, 0.89, 0.8, 0.7, 0.6, 0.5], anchors=3), shared={"vectors": vectors})
    kept = found.present.copy()
    kept[1, 0] = False
    order = np.argsort(np.where(kept, -Diverse(balance=0.5, first=4)(found, kept, None), np.inf), axis=1, kind="stable")
    assert order[0].tolist() == [0, 2, 3, 1, 4, 5]
    assert order[1].tolist() == [1, 2, 3, 4, 5, 0]


def test_diverse_with_all_weight_on_the_score_is_top():
    """balance 1."""
    vectors = np.random.default_rng(0).standard_normal((6, 8)).astype(np.float16)
    found = replace(row([9, 8, 7, -1, -2, -3], anchors=4), shared={"vectors": vectors})
    assert np.argsort(-Diverse(balance=1)(found, found.present, None), axis=1).tolist() == [list(range(6))] * 4


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("softmax:temperature=0", "sampler 'softmax' wants a temperature above 0, got 0.0"),
        ("ambiguous:first=0", "sampler 'ambiguous' wants a >= 0, first >= 1 and floor > 0"),
        ("stratified:bins=0", "sampler 'stratified' wants bins >= 1, got 0"),
        ("diverse:balance=2", "sampler 'diverse' wants 0 <= balance <= 1 and first >= 1"),
    ],
)
def test_a_knob_that_makes_no_sense_is_refused(spec, said):
    """When it is made."""
    with pytest.raises(ConfigError, match=said):
        build("sampler", SAMPLERS, Spec.parse(spec))

"""Both passes equal the oracle, whatever the world and the config, and keep their promises."""

import math
from dataclasses import replace

import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import SIMILARITIES, anchors_of, configs, make, mined, worlds

from miner.config import MiningConfig
from miner.core import hub_cap, retrieval
from miner.core.judging import judge, per_positive
from miner.sources import dense
from miner.types import noise_floors, weakest_positive_scores

slow = settings(deadline=None)


@pytest.mark.slow
@settings(slow, max_examples=20)
@given(
    world=worlds,
    config=configs(verdicts=True),
    slack=st.sampled_from([0, 1, 16]),
    likely=st.sampled_from([0, 0, 1.2]),
    reserve=st.sampled_from([0, 1, 16]),
)
def test_equals_the_oracle(world, config, slack, likely, reserve):
    """Candidates, reasons, negatives, scores, ranks and tiers are the oracle's, bit for bit; what guesses at the start changes nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dense, "SLACK", slack)
        patch.setattr(retrieval, "DEEP_SEARCH_FACTOR", likely)
        patch.setattr(hub_cap, "EXTRA_PREFERENCES", reserve)
        assert mined(world, config) == oracle.mine(world, config)


@pytest.mark.slow
@settings(slow, max_examples=60)
@given(world=worlds, config=configs())
def test_never_exports_a_known_positive(world, config):
    """No negative is a positive of its query, by id or by text; no passage stands twice in a row unless it is a repetition."""
    for row in mined(world, config):
        known = {p for p, grade in world.grades[row.query].items() if grade >= config.min_grade}
        texts = {world.passages[p] for p in known}
        chosen = [name for name, _, _, tier in row.negatives if tier < 5]
        assert not known & set(chosen)
        assert not texts & {world.passages[name] for name in chosen}
        assert len({world.passages[name] for name in chosen}) == len(chosen)
        assert len(row.negatives) <= config.negatives


@pytest.mark.slow
@settings(slow, max_examples=60)
@given(
    world=worlds.map(lambda world: replace(world, verdicts={})),
    config=configs(filters=("margin:relative=0.1,absolute=0.05,below=0",), sampler="top", judged="ignore"),
)
def test_the_margin_holds_and_ranks_rise(world, config):
    """Negatives of tiers 0 and 1 lie under the bar less the margin; within a tier ranks rise; scores are those of the candidates."""
    for row in mined(world, config):
        bar = min(oracle.score(world, row.query, one) for one in row.positives)
        for tier in range(4):
            ranks = [rank for _, _, rank, its in row.negatives if its == tier]
            assert ranks == sorted(set(ranks))
        for name, score, rank, tier in row.negatives:
            assert row.candidates[rank - 1] == (name, score)
            assert tier > 1 or score <= bar - abs(bar) * 0.1 - 0.05
            assert tier or rank <= config.depth


@pytest.mark.slow
@settings(slow, max_examples=40)
@given(world=worlds, config=configs())
def test_candidates_are_ranked(world, config):
    """Best first, ties by id, each text once; every candidate is kept or has one reason; full rows are no longer than `depth`."""
    for row in mined(world, config):
        assert row.candidates == sorted(row.candidates, key=lambda pair: (-pair[1], pair[0].encode()))
        assert len({world.passages[name] for name, _ in row.candidates}) == len(row.candidates)
        assert len(row.dropped_by) == len(row.candidates) <= max(config.depth, config.max_depth)
        if config.ladder == 0:
            assert len(row.candidates) == min(config.depth, len(set(world.passages.values())))


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_only_queries_that_ran_short_are_searched_deeper(similarity):
    """A query with enough negatives keeps `depth` candidates, one that ran short gets `max_depth`."""
    config = MiningConfig.of(
        depth=5, max_depth=30, negatives=3, filters=("near_positive:off", "margin:absolute=-0.3,relative=0,background=0,below=0")
    )
    world = make(9, passages=60, queries=20, similarity=similarity, dim=5)
    deep = min(30, len(set(world.passages.values())))
    rows = mined(world, config)
    enough = [row.dropped_by[:5].count(None) >= 3 for row in rows]
    assert 0 < sum(enough) < len(rows)
    assert [len(row.candidates) for row in rows] == [5 if there else deep for there in enough]


def test_weakest_is_the_smallest_and_nan_without_positives():
    """Padding is no score; a query without a positive has no bar."""
    nan = math.nan
    scores = np.array([[0.5, -0.25, nan], [nan, nan, nan], [0.0, nan, nan]], dtype=np.float32)
    assert np.array_equal(weakest_positive_scores(scores), np.array([-0.25, nan, 0.0], dtype=np.float32), equal_nan=True)


def test_the_background_is_the_last_score_within_depth():
    """However deep the query was searched; padding is no score."""
    nan = math.nan
    scores = np.array([[0.9, 0.5, 0.1, 0.0], [0.4, 0.3, nan, nan], [nan, nan, nan, nan]], dtype=np.float32)
    assert np.array_equal(noise_floors(scores, {}, 3), np.array([0.1, 0.3, nan], dtype=np.float32), equal_nan=True)
    assert np.array_equal(noise_floors(scores, {}, 9), np.array([0.0, 0.3, nan], dtype=np.float32), equal_nan=True)
    assert np.isnan(noise_floors(scores[:, :0], {}, 3)).all()


def bare(**given):
    """Two anchors: the first with three candidates and two positives, the second with one and one."""
    nan = math.nan
    scores, known = [[0.9, 0.5, 0.1], [0.4, nan, nan]], [[0.8, 0.6], [0.7, nan]]
    return anchors_of([[4, 5, 6], [7, -1, -1]], scores, [[1, 2], [3, -1]], known, bar=[0.6, 0.7], **given)


def test_the_first_filter_that_drops_is_the_reason():
    """Padding is 255, kept is 0, else the place of the filter in config order; a later filter sees what earlier ones left."""
    seen = []

    def first(candidates):
        seen.append(candidates.survivors.tolist())
        return candidates.scores < 0.9

    def second(candidates):
        seen.append(candidates.survivors.tolist())
        return candidates.scores < 0.5

    for rule in (first, second):
        rule.estimates_relevance = rule.relax = False
    assert judge(bare(), [first, second]).tolist() == [[1, 2, 0], [0, 255, 255]]
    assert seen == [[[True] * 3, [True, False, False]], [[False, True, True], [True, False, False]]]


def test_an_own_anchor_has_its_own_bar():
    """One anchor for each positive, in their order; the bar is that positive's score."""
    own = per_positive(bare(evidence={"known_positive": np.array([[1, 0, 0], [0, 0, 0]], dtype=np.uint8)}))
    assert own.queries.tolist() == [0, 0, 1]
    assert own.positives.tolist() == [[1], [2], [3]]
    assert own.reference_scores.tolist() == own.positive_scores[:, 0].tolist() == pytest.approx([0.8, 0.6, 0.7])
    assert own.evidence["known_positive"][:, 0].tolist() == [1, 1, 0]

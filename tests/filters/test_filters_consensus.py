"""Several sources are asked, each against its own ceiling; enough of them make a suspicion."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle_sources import suspected
from worlds import anchors_of

from miner.config import MiningConfig
from miner.errors import ConfigError
from miner.filters.consensus import Consensus

numbers = st.integers(-256, 256).map(lambda whole: whole / 128)
gaps = st.one_of(numbers, st.just(math.nan), st.sampled_from([0.0, 0.05, 0.0499999, 0.1]).map(np.float32))
BOTH = {"sources": ("dense", "bm25")}


def judged(rule, scores, bar, others):
    """others: one list of gaps for each further source."""
    evidence = {f"gap:{place}": np.array([each], dtype=np.float32) for place, each in enumerate(others)}
    return rule(anchors_of([range(len(scores))], [scores], bar=[bar], evidence=evidence)).tolist()[0]


@given(
    margin=st.sampled_from([0.0, 0.05, -0.5, 0.9]),
    wanted=st.sampled_from([None, 1, 2, 3]),
    scores=st.lists(numbers, min_size=4, max_size=4),
    bar=st.one_of(numbers, st.just(math.nan), st.just(0.0)),
    others=st.lists(st.lists(gaps, min_size=4, max_size=4), min_size=1, max_size=4),
)
def test_the_votes_are_those_counted_one_by_one(margin, wanted, scores, bar, others):
    """By the plain twin, a candidate and a source at a time."""
    rule = Consensus(margin, wanted)
    kept = [
        not suspected(rule, float(np.float32(score)), float(np.float32(bar)), told) for score, *told in zip(scores, *others, strict=True)
    ]
    assert judged(rule, scores, bar, others) == kept


@given(
    scores=st.lists(numbers, min_size=5, max_size=5),
    bar=numbers,
    other=st.lists(gaps, min_size=5, max_size=5),
    stretch=st.integers(-8, 8),
)
def test_no_scale_is_in_it(scores, bar, other, stretch):
    """The first source's scores, all twice as large or a sixteenth, are judged alike."""
    wide = [score * 2.0**stretch for score in scores]
    assert judged(Consensus(), scores, bar, [other]) == judged(Consensus(), wide, bar * 2.0**stretch, [other])


@given(scores=st.lists(numbers, min_size=5, max_size=5), bar=numbers, others=st.lists(st.lists(gaps, min_size=5, max_size=5), min_size=3, max_size=3))  # fmt: skip
def test_more_voices_wanted_or_a_lower_margin_never_drop_more(scores, bar, others):
    """One suspicion is the strictest; the default of four sources is two."""
    kept = [judged(Consensus(sources=wanted), scores, bar, others) for wanted in (1, 2, 3, 4)]
    for strict, lax in pairwise(kept):
        assert all(later or not before for before, later in zip(strict, lax, strict=True))
    assert judged(Consensus(), scores, bar, others) == kept[1]
    narrow, wide = (judged(Consensus(margin), scores, bar, others) for margin in (0, 0.3))
    assert all(before or not later for before, later in zip(narrow, wide, strict=True))


def test_a_source_that_knows_nothing_does_not_vote():
    """Its positive scores 0, so that there is no share of it; the others still count, and equality is kept."""
    nan = math.nan
    assert judged(Consensus(), [0.9, 0.96, 0.2], 1.0, [[nan, nan, nan]]) == [True, False, True]
    assert judged(Consensus(sources=2), [0.9, 0.99, 0.2], 1.0, [[nan, nan, nan]]) == [True, True, True]
    assert judged(Consensus(0.25), [0.5, 0.5, 0.5], 0.0, [[0.25, 0.2, nan]]) == [True, False, True]


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"filters": ("consensus",)}, "filter 'consensus' compares sources, and there is one only, dense: leave it out, or mine with a"),
        ({"filters": ("consensus:sources=3",), **BOTH}, "filter 'consensus' wants sources from 1 to 2, as many as there are, got 3"),
        ({"filters": ("consensus:sources=0",), **BOTH}, "filter 'consensus' wants margin < 1 and sources >= 1, got margin=0.05, sources=0"),
        ({"filters": ("consensus:margin=1",), **BOTH}, "filter 'consensus' wants margin < 1 and sources >= 1, got margin=1.0"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(given_, said):
    """Before any work."""
    with pytest.raises(ConfigError, match=said):
        MiningConfig.of(**given_)

"""Each rung adds to rows that are short, marks what it added, and touches nothing else."""

import math

import numpy as np
import pytest
from worlds import anchors_of, make, mined

from miner.config import MiningConfig
from miner.core.ladder import RANDOM, REPEATED, AtReference, RetrievedRanks, Selection, fallback_rules
from miner.filters.score import Margin, MaxScore
from miner.filters.window import Ranks

RULES = [Margin(relative=0.05, relax=True), MaxScore(0.9), Ranks(skip=1, relax=True)]
FIRM = [Margin(relative=0.05, below=3), MaxScore(0.9), Ranks(skip=1)]


def climbed(tier, corpus=1000, quartile=0.5, rules=RULES):
    anchors = anchors_of([[1, 2], [3, 4], [5, 6]], bar=[0.2, 0.8, math.nan])
    return fallback_rules(anchors, rules, tier, lower_quartile=quartile, corpus=corpus)


def test_a_rule_that_must_hold_holds_on_every_level():
    """At its own bar where the bar is raised, and neither dropped nor replaced anywhere."""
    anchors, rules = climbed(2, rules=FIRM)
    assert anchors.reference_scores.tolist() == pytest.approx([0.5, 0.8, 0.5])
    assert rules == [AtReference(FIRM[0], rules[0].reference_scores), *FIRM[1:]]
    assert rules[0].reference_scores.tolist() == pytest.approx([0.2, 0.8, math.nan], nan_ok=True)
    assert climbed(3, rules=FIRM)[1] == [RetrievedRanks(30, 210), *FIRM]
    assert climbed(RANDOM, rules=FIRM)[1] == FIRM


@pytest.mark.parametrize("tier", [0, 1])
def test_the_first_rungs_change_nothing(tier):
    """Within depth and within max_depth the same filters judge."""
    anchors, rules = climbed(tier)
    assert rules == RULES
    assert anchors.reference_scores.tolist() == pytest.approx([0.2, 0.8, math.nan], nan_ok=True)


def test_the_second_raises_weak_bars():
    """To the lower quartile, never down to it; an unknown bar becomes the quartile; without a quartile nothing changes."""
    anchors, rules = climbed(2)
    assert rules == RULES
    assert anchors.reference_scores.tolist() == pytest.approx([0.5, 0.8, 0.5])
    assert climbed(2, quartile=math.nan)[0].reference_scores.tolist() == pytest.approx([0.2, 0.8, math.nan], nan_ok=True)


@pytest.mark.parametrize(("corpus", "window"), [(1000, (30, 210)), (300, (30, 210)), (299, (29, 209)), (40, (4, 184)), (9, (0, 180))])
def test_the_third_has_no_ceiling_but_a_window(corpus, window):
    """Ranks 31 to 210 of all retrieved; in a small corpus the first tenth is skipped; other filters stay."""
    rules = climbed(3, corpus)[1]
    assert rules == [RetrievedRanks(*window), *RULES[1:]]


def test_the_window_counts_what_was_retrieved():
    """Whatever filters before it dropped, as `ranks` does with of=raw; padding has no rank."""
    anchors = anchors_of([[10, 11, 12, 13, -1]], [[5, 4, 3, 2, math.nan]], kept=np.array([[True, False, True, True, False]]))
    assert RetrievedRanks(1, 3)(anchors).tolist() == [[False, True, True, False, False]]
    padded = anchors.present
    assert (RetrievedRanks(1, 9)(anchors) & padded).tolist() == (Ranks(1, 9, of="raw")(anchors) & padded).tolist()


def test_the_random_rung_has_no_window():
    """Neither ceiling nor window."""
    assert climbed(RANDOM)[1] == [RULES[1]]


def test_picked_fills_free_slots_in_order():
    """Each turn puts its best into the free slots and no more; a full row is left alone."""
    anchors = anchors_of([[10, 11, 12, 13], [20, 21, 22, -1]], [[4, 3, 2, 1], [4, 3, 2, math.nan]])
    picked, yes, no = Selection(anchors, 3), True, False
    picked.add(np.array([0, 1]), np.array([[2, 0, 1], [1, 0, 2]]), np.array([[yes, yes, no], [yes, no, no]]), 0)
    assert picked.short().tolist() == [0, 1]
    assert picked.available(np.array([0])).tolist() == [[False, True, False, True]]
    picked.add(np.array([0, 1]), np.array([[3, 1, 0], [0, 2, 1]]), np.array([[yes, yes, no], [yes, no, no]]), 1)
    assert picked.short().tolist() == [1]
    found = picked.negatives()
    assert found.rows.tolist() == [[12, 10, 13], [21, 20, -1]]
    assert found.ranks.tolist() == [[3, 1, 4], [2, 1, 0]]
    assert found.tiers.tolist() == [[0, 0, 1], [0, 1, 0]]
    assert np.array_equal(found.scores, np.array([[2, 4, 1], [3, 4, np.nan]], np.float32), equal_nan=True)
    assert found.counts.tolist() == [3, 2]


def test_repeat_takes_the_rows_own_in_turn():
    """A row that has none stays empty."""
    picked = Selection(anchors_of([[10, 11], [20, 21]], [[2, 1], [2, 1]]), 5)
    picked.add(np.array([0, 1]), np.array([[0, 1], [0, 1]]), np.array([[True, True], [False, False]]), 0)
    picked.repeat()
    found = picked.negatives()
    assert found.rows.tolist() == [[10, 11, 10, 11, 10], [-1] * 5]
    assert found.tiers.tolist() == [[0, 0, REPEATED, REPEATED, REPEATED], [0] * 5]


@pytest.mark.parametrize("fill", ["none", "random", "repeat"])
def test_a_higher_rung_only_adds(fill):
    """What a row got lower down stays first, with its tier."""
    world = make(11, passages=60, queries=30, dim=6, similarity="dot")
    given = {
        "depth": 20,
        "max_depth": 60,
        "negatives": 14,
        "fill": fill,
        "filters": ("near_positive:cosine=0.95", "nearest:off", "margin:relative=0.05,background=0.3,relax=true"),
    }
    rows = [mined(world, MiningConfig.of(ladder=ladder, **given)) for ladder in range(4)]
    for ladder in range(3):
        for low, high in zip(rows[ladder], rows[ladder + 1], strict=True):
            strict = [negative for negative in low.negatives if negative[3] <= ladder]
            assert high.negatives[: len(strict)] == strict
    assert {tier for row in rows[3] for *_, tier in row.negatives} >= {0, 1, 2, 3}

"""The hub cap holds, whoever chooses first is drawn, and lists of any beginning give the same."""

import dataclasses
import tempfile
from pathlib import Path

import numpy as np
import pytest
from worlds import Prescribed, dataset_of, make, mined, rows_of

from miner.config import MiningConfig
from miner.core import hub_cap
from miner.core.hub_cap import NegativeAllocator

GIVEN = {"depth": 30, "max_depth": 30, "negatives": 4, "filters": ("near_positive:off", "nearest:off", "margin:off"), "judged": "ignore"}


def crowded(seed=5):
    """Thirty queries that all like the same passages."""
    world = make(seed, passages=60, queries=30, dim=4)
    same = {text: [1.0, 0.1 * i % 0.3, 0.0, 0.0] for i, text in enumerate(world.query_vectors)}
    return dataclasses.replace(world, query_vectors=same)


def uses(rows):
    found = {}
    for row in rows:
        for name, *_ in row.negatives:
            found[name] = found.get(name, 0) + 1
    return found


@pytest.mark.parametrize("cap", [1, 3, 8])
def test_no_passage_is_used_more_often(cap):
    """Whatever the cap; without one the favourites are everybody's."""
    world = crowded()
    assert max(uses(mined(world, MiningConfig.of(**GIVEN))).values()) > 8
    assert max(uses(mined(world, MiningConfig.of(hub_cap=cap, **GIVEN))).values()) <= cap


def test_auto_allows_three_times_the_mean():
    """30 rows of 4 from 60 passages: 2 uses on average, so 6."""
    rows = mined(crowded(), MiningConfig.of(hub_cap="auto", **GIVEN))
    assert max(uses(rows).values()) == 6
    assert all(len(row.negatives) == 4 for row in rows)


@pytest.mark.parametrize(("negatives", "cap"), [(4, 6), (5, 8), (1, 5)])
def test_auto_is_rounded_up(negatives, cap):
    """Three times the mean use, 30 x negatives / 60, and five at least: 7.5 uses are 8."""
    with tempfile.TemporaryDirectory() as folder:
        dataset = dataset_of(crowded(), into=Path(folder))
        assert NegativeAllocator(dataset, MiningConfig.of(hub_cap="auto", **(GIVEN | {"negatives": negatives}))).cap == cap


def test_a_high_cap_changes_nothing():
    """Not a byte."""
    world = crowded()
    assert mined(world, MiningConfig.of(hub_cap=1000, **GIVEN)) == mined(world, MiningConfig.of(**GIVEN))


@pytest.mark.parametrize("reserve", [0, 2, 1000])
def test_the_length_of_the_lists_that_are_held_changes_nothing(monkeypatch, reserve):
    """An anchor that came to its list's end gets a longer one."""
    world, config = crowded(), MiningConfig.of(hub_cap=2, **GIVEN)
    right = mined(world, config)
    monkeypatch.setattr(hub_cap, "EXTRA_PREFERENCES", reserve)
    assert mined(world, config) == right


def test_the_order_of_the_input_changes_nothing_and_the_seed_does():
    """Turns are drawn by seed and query id."""
    world, config = crowded(), MiningConfig.of(hub_cap=2, **GIVEN)
    right = mined(world, config)
    assert mined(world, config, order=1) == right
    assert mined(world, config.model_copy(update={"seed": 1})) != right


def test_what_the_cap_did_is_told():
    """The cap, how many passages are used up, how often somebody was refused."""
    world, config = crowded(), MiningConfig.of(hub_cap=3, **GIVEN)
    with tempfile.TemporaryDirectory() as folder:
        dataset = dataset_of(world, into=Path(folder))
        rows = rows_of(dataset, Prescribed(world), config)
        allocator = NegativeAllocator(dataset, config)
        wanted = np.array([0, 1, 2, 3, 4, 5, -1], dtype=np.int32)
        allocator._beginnings = np.tile(wanted, (30, 1))
        allocator.assign()
    assert sum(count == 3 for count in uses(rows).values()) > 10
    told = allocator.statistics()
    assert (told["cap"], told["passages_at_cap"]) == (3, 6)
    assert allocator.is_complete
    assert (allocator._columns >= 0).sum() == 18
    uses_of, refused = dict.fromkeys(range(6), 0), 0
    for _ in range(30):
        free = 4
        for passage in range(6):
            refused += free > 0 and uses_of[passage] == 3
            taken = free > 0 and uses_of[passage] < 3
            uses_of[passage], free = uses_of[passage] + taken, free - taken
    assert told["passed_over"] == refused
    allocator.assign()
    assert allocator.statistics() == told, "the assignment that holds is the one that counts"

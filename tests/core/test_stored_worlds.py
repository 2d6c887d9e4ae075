"""Worlds that once saw a defect; `make long` adds those on which it finds one (tests/long/fresh_worlds.py)."""

import oracle
import pytest
from stored_worlds import FOLDER, load, save
from worlds import config_of, make, mined

STORED = sorted(FOLDER.glob("*.json"))


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_equals_the_oracle(path):
    """Candidates, reasons, negatives, scores, ranks and tiers."""
    world, config = load(path)
    assert mined(world, config) == oracle.mine(world, config)


def test_a_world_comes_back(tmp_path):
    """With its verdicts, its other splits, and the config."""
    world, config = make(3, splits=True, verdicts=True), config_of(4, verdicts=True)
    save(tmp_path / "world.json", world, config)
    again, same_config = load(tmp_path / "world.json")
    assert (vars(again), same_config) == (vars(world), config)


def test_some_are_stored():
    """The folder is found."""
    assert STORED

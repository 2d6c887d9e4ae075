"""The tiny run has the bytes it is known to have, and another rule gives others."""

import logging

import pytest

from miner.doctor import selfcheck as module
from miner.doctor.selfcheck import selfcheck


def test_the_known_bytes(caplog):
    """If this fails because a rule of `SETTINGS` or the file's form was changed on purpose, put the new hash there. No note is logged."""
    logger = logging.getLogger("miner.runs.summary")
    with caplog.at_level(logging.INFO, logger.name):
        found = selfcheck()
        assert logger.level == logging.INFO
    assert found.right, found.sha256
    assert not [record for record in caplog.records if record.name == logger.name]


@pytest.mark.parametrize("change", [{"seed": 8}, {"filters": ("near_positive:off", "ranks:skip=5")}, {"depth": 31}])
def test_another_rule_is_seen(monkeypatch, change):
    monkeypatch.setattr(module, "SETTINGS", module.SETTINGS | change)
    assert not selfcheck().right

"""The window of ranks, counted in either of two ways."""

import numpy as np
import pytest
from worlds import anchors_of

from miner.errors import ConfigError
from miner.filters.window import Ranks

KEPT = [True, False, True, True, False, True]


def candidates(kept=None, rows=(5, 4, 3, 2, 1, 0)):
    return anchors_of([rows], kept=None if kept is None else np.array([kept]))


@pytest.mark.parametrize(
    ("knobs", "kept", "keep"),
    [
        ({}, KEPT, [1, 1, 1, 1, 1, 1]),
        ({"skip": 1}, KEPT, [0, 0, 1, 1, 1, 1]),
        ({"skip": 2, "last": 3}, KEPT, [0, 0, 0, 1, 1, 0]),
        ({"last": 1}, KEPT, [1, 1, 0, 0, 0, 0]),
        ({"skip": 2, "last": 4, "of": "raw"}, KEPT, [0, 0, 1, 1, 0, 0]),
        ({"skip": 1, "last": 2}, None, [0, 1, 0, 0, 0, 0]),
    ],
)
def test_skip_and_last(knobs, kept, keep):
    """skip so many, stop after rank `last`; survivors are those still kept, raw is everything retrieved."""
    assert (Ranks(**knobs)(candidates(kept)) & (True if kept is None else np.array(kept))).tolist() == [
        [bool(k) and (kept is None or kept[i]) for i, k in enumerate(keep)]
    ]


def test_padding_has_no_rank():
    """It does not count, whichever way."""
    found = candidates(rows=(5, 4, 3, -1, -1, -1))
    assert Ranks(skip=3, of="raw")(found).tolist() == [[False] * 6]


@pytest.mark.parametrize("knobs", [{"skip": -1}, {"skip": 3, "last": 3}, {"skip": 5, "last": 2}, {"last": 0}])
def test_an_empty_window_is_refused(knobs):
    """When it is made, not when it runs."""
    with pytest.raises(ConfigError, match="filter 'ranks' wants 0 <= skip < last, got"):
        Ranks(**knobs)

"""What parts did, and the sentence where a change did nothing."""

import pytest

from miner.train import TrainConfig
from miner.train.effects import change_effects, without_trace


def test_counts_stand_beside_their_parts():
    """In the order of the settings."""
    config = TrainConfig.of(changes=("delete", "una"))
    effects = change_effects(config, [[2, 0, 1], [4, 0, 0]], 12)
    assert [(effect["part"], effect["effect"], effect["count"], effect["of"]) for effect in effects] == [
        ("change 'delete'", "rows with words deleted", 3, 12),
        ("change 'una'", "rows with one more negative", 4, 12),
    ]


@pytest.mark.parametrize(
    ("changes", "passes", "words"),
    [
        (("delete",), 1, "change 'delete' touched none of 12 trained rows: raise its share"),
        (("delete:share=0",), 1, ""),  # said before the training
        (("draw",), 2, ""),  # rows have no reserve
        (("replace",), 2, "'replace' replaced no negative"),
        (("replace",), 1, ""),  # said before the training
    ],
)
def test_a_change_that_touched_nothing_is_named(changes, passes, words):
    """With what to do about it; no second sentence where one was said beforehand."""
    config = TrainConfig.of(changes=changes)
    said = list(without_trace(config, change_effects(config, [[0]], 12), several_passes=passes > 1))
    assert len(said) == bool(words)
    assert words in "".join(said)

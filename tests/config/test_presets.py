"""A preset is written out, is beaten by what is given beside it, and stays what it was when a manifest is read again."""

import pytest

from miner.cli import options
from miner.config import MiningConfig
from miner.config.presets import PRESETS
from miner.errors import ConfigError


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_valid_written_out_and_stays(name):
    """Every knob is in the manifest; read again, it is the same."""
    config = MiningConfig.of(preset=name)
    again = MiningConfig.of(**config.model_dump(mode="json"))
    assert again == config
    assert MiningConfig.model_validate_json(config.model_dump_json()) == config
    without = MiningConfig.of(**{**config.model_dump(mode="json"), "preset": None})
    assert without.model_copy(update={"preset": name}) == config


def test_the_default_preset_changes_nothing():
    """It names what there is anyway."""
    assert MiningConfig.of(preset="default").model_copy(update={"preset": None}) == MiningConfig.of()


def test_what_is_given_beside_a_preset_wins():
    """A field, and a filter by its name; the preset's other filters stay."""
    config = MiningConfig.of(preset="bge", negatives=3, filters=("ranks:skip=5", "margin:relative=0.2"))
    assert (config.negatives, config.sampler, config.depth) == (3, "uniform", 210)
    assert config.active_filters["ranks"].skip == 5
    assert config.active_filters["margin"].relative == 0.2
    assert "near_positive" not in config.active_filters


def test_an_unknown_preset_is_told():
    """With those there are."""
    with pytest.raises(ConfigError, match=r"there is no preset 'saef'; did you mean 'safe'\? There are: default, safe, hard, percpos"):
        MiningConfig.of(preset="saef")


def test_a_preset_on_the_command_line_beats_a_manifest():
    """Of the stored settings it lifts those that presets make; the model and other flags stay; pass 1 is fixed for an export."""
    file = MiningConfig.of(preset="bge", model="m", depth=99).model_dump(mode="json")
    config = MiningConfig.of(**options.overlay_flags({"preset": "hard", "seed": 4}, {}, stored=file))
    assert (config.model, config.seed, config.negatives, config.depth) == ("m", 4, 4, 200)
    assert config.filters == MiningConfig.of(preset="hard").filters
    assert MiningConfig.of(**options.overlay_flags({"preset": "hard"}, {}, ("depth",), file)).depth == 99
    assert MiningConfig.of(**options.overlay_flags({"seed": 4}, {}, stored=file)).active_filters["ranks"].skip == 10

"""What a person gives of filters all holds, at every door; what contradicts itself is refused at every door."""

import logging
from pathlib import Path

import pytest

from miner.cli import options
from miner.cli.main import app
from miner.config import MiningConfig
from miner.config.filter_list import apply_specs, overlay_specs
from miner.errors import ConfigError


def margin(*filters: str, **more) -> str:
    """The margin as the config stores it."""
    return next(spec for spec in MiningConfig.of(filters=filters, **more).filters if spec.startswith("margin"))


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("specs", "stored"),
    [
        (("margin:relative=0.1,relax=true", "margin:absolute=0.05"), "margin:absolute=0.05,relative=0.1,background=0.0,below=0,relax=true"),
        (("margin:relax=true", "margin:relative=0.1"), "margin:absolute=0.0,relative=0.1,background=0.0,below=0,relax=true"),
        (("margin:relax=false", "margin:below=3"), "margin:absolute=0.0,relative=0.0,background=0.0,below=3,relax=false"),
    ],
)
def test_every_typed_knob_of_a_filter_holds_in_whatever_order(order, specs, stored):
    """Several specs of one filter are one rule; it takes the place of the default's."""
    assert margin(*specs[::order]) == stored
    assert margin(*apply_specs(MiningConfig.of().filters, specs[::order])) == stored


CONTRADICTIONS = [
    (("margin:relative=0.1", "margin:off"), "filters 'margin:off' and another 'margin' contradict each other: leave one"),
    (("margin:off", "margin:relative=0.1"), "filters 'margin:off' and another 'margin' contradict each other: leave one"),
    (("margin:relative=0.1", "margin:relative=0.0"), "filter 'margin:relative' is set twice, as '0.1' and as '0.0': leave one"),
    (("same_text", "same_text:off"), "filters 'same_text:off' and another 'same_text' contradict each other: leave one"),
]


@pytest.mark.parametrize(("specs", "message"), CONTRADICTIONS)
def test_contradicting_filters_are_refused_at_every_door(tmp_path: Path, specs, message):
    """Python, a config file, flags and the environment alike, beside a preset too."""
    (tmp_path / "c.toml").write_text(f"filters = {[*specs]}")
    doors = [
        lambda: MiningConfig.of(filters=specs),
        lambda: MiningConfig.of(filters=specs, preset="safe"),
        lambda: options.gather({"pairs": ["p"]}, tmp_path / "c.toml"),
        lambda: options.gather({"pairs": ["p"], "filter": [*specs]}, None),
    ]
    for door in doors:
        with pytest.raises(ConfigError) as caught:
            door()
        assert message in str(caught.value)


def test_a_flag_wins_over_the_config_file_knob_by_knob(tmp_path: Path):
    """What only the file names stays, also where it lets its rule be relaxed."""
    (tmp_path / "c.yaml").write_text("filters: ['margin:relative=0.1,relax=true', 'ranks:skip=5']\n")
    config = options.gather({"pairs": ["p"], "filter": ["margin:relative=0.2", "ranks:off"]}, tmp_path / "c.yaml")[1]
    assert "margin:absolute=0.0,relative=0.2,background=0.0,below=0,relax=true" in config.filters
    assert "ranks:off" in config.filters
    assert overlay_specs(("margin:off",), ("margin:relative=0.1",)) == ("margin:relative=0.1",)


def test_a_stored_rule_that_may_be_relaxed_gives_way_as_a_whole():
    """A manifest does not say what a person typed: its firm rules are changed knob by knob, the others are taken the place of."""
    loose = MiningConfig.of(filters=("margin:relative=0.3,background=0.5,relax=true",)).filters
    firm = MiningConfig.of(filters=("margin:relative=0.3,background=0.5",)).filters
    assert margin(*apply_specs(loose, ("margin:absolute=0.1",))) == "margin:absolute=0.1,relative=0.0,background=0.0,below=0,relax=false"
    assert margin(*apply_specs(firm, ("margin:absolute=0.1",))) == "margin:absolute=0.1,relative=0.3,background=0.5,below=0,relax=false"
    assert margin(*apply_specs(firm, ("margin:relax=true",))) == "margin:absolute=0.0,relative=0.3,background=0.5,below=0,relax=true"


def test_filters_of_a_config_file_lie_over_a_preset_that_is_a_flag(tmp_path: Path):
    """A setting that is typed beside a preset wins over it, wherever each is typed."""
    (tmp_path / "c.yaml").write_text("filters: ['margin:relative=0.1', 'containment']\nnegatives: 9\n")
    config = options.gather({"pairs": ["p"], "preset": "bge"}, tmp_path / "c.yaml")[1]
    assert config.active_filters["margin"].relative == 0.1
    assert "containment" in config.active_filters
    assert (config.negatives, config.sampler) == (9, "uniform")


def test_a_preset_over_a_manifest_names_what_it_takes_the_place_of(caplog):
    """A manifest's settings are written out, so the preset has to replace them; what differs from the default is named."""
    stored = MiningConfig.of(filters=("margin:relative=0.1",), negatives=9, sampler="uniform").model_dump(mode="json")
    with caplog.at_level(logging.WARNING):
        values = options.overlay_flags({"preset": "hard", "sampler": "uniform"}, {}, stored=stored)
    assert values["sampler"] == "uniform"
    lost = "margin:absolute=0.0,relative=0.1,background=0.0,below=0,relax=false, negatives 9"
    assert caplog.messages == [f"preset 'hard' takes the place of stored settings: {lost}; give again what should stay"]


def test_filters_of_the_environment_are_added_to_those_of_the_flags(monkeypatch):
    """As a config file's are; a flag wins where both name a knob."""
    import typer.main

    monkeypatch.setenv("HARDNEG_FILTER", "margin:relative=0.1,background=0.2 ranks:skip=5")
    verb = typer.main.get_command(app).commands["mine"]
    given = verb.make_context("mine", ["--filter", "margin:relative=0.3", "--filter", "containment"]).params["filter"]
    assert given == ["margin:relative=0.3,background=0.2", "ranks:skip=5", "containment"]
    assert [*verb.make_context("mine", []).params["filter"]] == ["margin:relative=0.1,background=0.2", "ranks:skip=5"]

"""`hardneg filters` and the like: every part, with an example that the config takes."""

import pytest
from typer.testing import CliRunner

from app.cli import app
from miner.cli.parts import FLAGS, _table
from miner.config import MiningConfig
from miner.errors import ConfigError

FIELDS = {
    "filters": "filters",
    "samplers": "sampler",
    "sources": "sources",
    "variations": "variations",
    "judges": "judges",
    "formats": "output_format",
    "presets": None,
}


def shown(*words):
    return CliRunner().invoke(app, list(words), catch_exceptions=False).stdout


@pytest.mark.parametrize("family", FLAGS)
def test_each_part_is_listed_and_explained(family):
    """A line with a sentence in the list; knobs with their defaults and an example by itself."""
    lines = shown(family).splitlines()
    assert [line.split()[0] for line in lines] == list(_table(family))
    assert all(len(line.split()) > 1 for line in lines)
    for name in _table(family):
        *_, example = shown(family, name).splitlines()
        if name == "known_positive":
            assert example.startswith("it is always on")
            continue
        spec = example.removeprefix(f"example: hardneg mine … {FLAGS[family]} ")
        assert spec.partition(":")[0] == name
        field = FIELDS[family]
        if field and name != "verdict":
            sources = ("dense", "bm25") if spec != "bm25" else ("bm25", "dense:model=m")
            off = ("near_positive:off", "nearest:off") if spec == "bm25" else ()
            judges = ("cross-encoder:model=m",) if "by=" in spec else ()
            values = {"filters": off, "sources": sources, "judges": judges} | {
                field: (spec,) if field in ("filters", "variations", "judges") else sources if field == "sources" else spec
            }
            MiningConfig.of(model="m", **values)


def test_a_format_has_its_own_line():
    """Where a module holds two."""
    lines = dict(line.split(maxsplit=1) for line in shown("formats").splitlines())
    assert all(line.startswith(f"`{name}`: ") for name, line in lines.items())
    assert lines["trec"] == "`trec`: a TREC run and qrels."


def test_an_example_does_something():
    """No knob with the value that it has anyway."""
    assert shown("filters", "margin").endswith("--filter margin:relative=0.1\n")
    assert shown("filters", "ranks").endswith("--filter ranks:skip=10\n")


def test_a_knob_has_its_default():
    assert "  relative: float = 0.0" in shown("filters", "margin").splitlines()


def test_an_unknown_part_is_refused():
    with pytest.raises(ConfigError, match="there is no filter 'nope'; there are: known_positive"):
        shown("filters", "nope")

"""No option is dropped in silence: what takes one value is refused when it comes twice, in every verb; what is a list keeps all."""

from pathlib import Path
from typing import Any

import pytest
import typer

from app.cli import app
from miner.cli import options
from miner.cli.command import Command
from miner.cli.mine import mine
from miner.config import Inputs
from miner.errors import ConfigError


def commands(group: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    """Every verb with its words."""
    if not hasattr(group, "commands"):
        return [(path, group)]
    return [found for name, inside in group.commands.items() for found in commands(inside, (*path, name))]


VERBS = commands(typer.main.get_command(app))
ONE = [
    pytest.param(verb, option, id=f"{' '.join(path)} {option.opts[0]}")
    for path, verb in VERBS
    for option in verb.params
    if hasattr(option, "is_flag") and not option.is_flag and not option.multiple
]


def test_every_verb_is_of_the_class_that_looks() -> None:
    assert len(VERBS) > 25
    assert all(isinstance(verb, Command) for _, verb in VERBS)


@pytest.mark.parametrize(("verb", "option"), ONE)
def test_an_option_of_one_value_is_refused_twice(verb: Any, option: Any) -> None:
    name = option.opts[0]
    with pytest.raises(ConfigError) as refused:
        verb.make_context("verb", [name, "3", f"{name}=5"])
    assert f"{name} takes one value and has 2: '3', '5'" in refused.value.with_flags


@pytest.mark.parametrize(
    ("given", "refused"), [(["--force", "--force"], False), (["--resume", "--fresh"], True), (["-q", "--quiet"], False)]
)
def test_a_switch_may_be_repeated_and_not_contradicted(given: list[str], refused: bool) -> None:
    verb = dict(VERBS)["mine",]
    if not refused:
        assert verb.make_context("mine", given)
        return
    with pytest.raises(ConfigError, match="resume=True and resume=False contradict each other"):
        verb.make_context("mine", given)


def test_lists_keep_all_and_a_variable_holds_a_name_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    verb = dict(VERBS)["mine",]
    given = verb.make_context("mine", ["--corpus", "a b", "--corpus", "c", "--pairs", "p", "--pairs=q"]).params
    assert [list(given[name]) for name in ("corpus", "pairs")] == [["a b", "c"], ["p", "q"]]
    monkeypatch.setenv("HARDNEG_CORPUS", "my corpus.jsonl\nother.jsonl\n")
    assert list(verb.make_context("mine", []).params["corpus"]) == ["my corpus.jsonl", "other.jsonl"]
    assert mine.__name__ == "mine"


@pytest.mark.parametrize(
    ("name", "text", "twice"),
    [
        ("c.yaml", "data: d\nnegatives: 3\nnegatives: 5\n", "'negatives' is set twice"),
        ("c.yaml", "data: d\nfields: {query: a, query: b}\n", "'query' is set twice"),
        ("c.yaml", "data: d\nmax-depth: 3\nmax_depth: 5\n", "'max_depth' is set twice, as 3 and as 5"),
        ("c.yaml", "data: d\nfilter: ['margin:off']\nfilters: []\n", "'filters' is set twice"),
        ("c.json", '{"data": "d", "negatives": 3, "negatives": 5}', "'negatives' is set twice, as 3 and as 5"),
        ("c.json", '{"data": "d", "fields": {"query": "a", "query": "b"}}', "'query' is set twice"),
        ("c.toml", 'data = "d"\nnegatives = 3\nnegatives = 5\n', "c.toml"),
    ],
)
def test_a_setting_of_a_config_file_comes_once(tmp_path: Path, name: str, text: str, twice: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=twice):
        options.gather({}, tmp_path / name)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["margin:relative=0.1", "margin:relative=0.3"], "'margin:relative' is set twice, as '0.1' and as '0.3'"),
        (["margin:off", "margin:relative=0.3"], "'margin:off' and another 'margin' contradict each other"),
        (["margin:relative=0.1", "margin:absolute=0.3"], ("margin:relative=0.1,absolute=0.3",)),
        (["margin:relative=0.1", "near_positive:off"], ("margin:relative=0.1", "near_positive:off")),
    ],
)
def test_filters_of_one_command_do_not_overrule_each_other(given: list[str], said: str | tuple[str, ...]) -> None:
    if isinstance(said, tuple):
        assert options.overlay_flags({"filter": given}, {"filters": ["margin:relative=0.5"]})["filters"] == said
        return
    with pytest.raises(ConfigError, match=said):
        options.overlay_flags({"filter": given}, {})


def test_a_field_is_named_once() -> None:
    with pytest.raises(ConfigError, match=r"fields..query.. is set twice, as 'a' and as 'b'"):
        options.overlay_flags({"field": ["query=a", "query=b"]}, {})


def test_several_files_of_a_config_are_all_inputs(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("pairs: [a.jsonl, b.jsonl]\ncorpus: c.jsonl\n")
    inputs: Inputs = options.gather({}, tmp_path / "c.yaml")[0]
    assert (inputs.pairs, inputs.corpus) == (("a.jsonl", "b.jsonl"), ("c.jsonl",))

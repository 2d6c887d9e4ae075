"""--help shows what most people use and fits on two screens, --help-all shows all; every verb has -v and -V, every flag a variable."""

import logging

import pytest
import typer
from test_cli_repeats import VERBS
from typer.testing import CliRunner

from app.cli import app
from miner.cli.command import Verbs
from miner.cli.verb_flags import Verbose, is_rare, shown_param

TWO_SCREENS = 90
MINE = dict(VERBS)["mine",]


def shown(*words, columns="100"):
    return CliRunner().invoke(app, list(words), env={"COLUMNS": columns, "TERMINAL_WIDTH": columns}, catch_exceptions=False).output


def test_the_help_of_mine_fits_on_two_screens():
    assert len(shown("mine", "--help").splitlines()) <= TWO_SCREENS


@pytest.mark.parametrize("verb", [words[0] for words, verb in VERBS if any(map(is_rare, verb.params))])
def test_help_all_shows_what_help_counts(verb):
    """Every flag is in one of the two, and the number of those left out is right."""
    short, full = shown(verb, "--help", columns="200"), shown(verb, "--help-all", columns="200")
    params = dict(VERBS)[verb,].params
    rare = [param.opts[0] for param in params if is_rare(param)]
    assert f"Show every flag, {len(rare)} more than here" in short
    assert [name for name in rare if f"│ {name} " in short] == []
    assert [
        param.opts[0] for param in params if param.param_type_name == "option" and f"│ {param.opts[0]} " not in full.replace("* ", "")
    ] == []
    assert "env var: HARDNEG_" in full
    assert "env var" not in short


@pytest.mark.parametrize(("words", "verb"), VERBS, ids=[" ".join(words) for words, _ in VERBS])
def test_every_flag_shows_its_default_and_has_a_variable(words, verb):
    options = [param for param in verb.params if param.param_type_name == "option" and not param.is_eager]
    assert [
        param.name for param in options if not param.required and not shown_param(param, everything=True).help.rstrip(".").endswith("]")
    ] == []
    assert [param.name for param in options if not param.envvar] == []
    assert {"verbose", "version"} <= {param.name for param in verb.params}


def test_a_variable_sets_both_sides_of_a_switch(monkeypatch):
    for value, expected in (("true", True), ("false", False)):
        monkeypatch.setenv("HARDNEG_RESUME", value)
        assert MINE.make_context("mine", []).params["resume"] is expected


def test_a_verb_logs_more_while_it_runs_and_leaves_the_levels(capsys):
    probe = Verbs()

    @probe.command("probe")
    def _probe() -> None:
        logging.getLogger("miner.runs").info("a step")

    @probe.callback()
    def _root(verbose: Verbose = False) -> None:
        """As of the whole command."""

    before, line = (logging.getLogger("miner").level, list(logging.getLogger().handlers)), "INFO miner.runs: a step\n"
    for words, said in ((["probe", "-v"], line), (["probe", "--verbose"], line), (["-v", "probe", "-v"], line), (["probe"], "")):
        typer.main.get_command(probe).main(words, standalone_mode=False)
        assert capsys.readouterr().err == said
    assert before == (logging.getLogger("miner").level, list(logging.getLogger().handlers))


@pytest.mark.parametrize("words", [["-V"], ["mine", "-V"], ["cache", "ls", "--version"], ["jobs", "ls", "-V"]], ids=" ".join)
def test_every_verb_prints_the_version(words):
    assert shown(*words).startswith("hardneg ")

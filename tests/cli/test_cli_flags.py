"""The flags are the fields of the config; help is quick and imports nothing heavy."""

import inspect
import json
import os
import re
import subprocess
import sys

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from miner.cli import options
from miner.cli.export import export
from miner.cli.mine import mine
from miner.config import Inputs, MiningConfig, Runtime
from miner.config.groups import RETRIEVAL_SETTINGS
from miner.errors import ConfigError

OURS = {"out", "kind", "force", "config", "dry_run", "as_json", "quiet", "resume", "run"}
HEAVY = {"torch", "transformers", "sentence_transformers", "datasets", "faiss", "pyarrow", "numpy", "fastapi", "pydantic"}


def flags(verb):
    return {options.ALIASES.get(name, name) for name in inspect.signature(verb).parameters} - OURS


def test_every_field_of_the_config_is_a_flag_of_mine():
    """Inputs, MiningConfig and Runtime, field for field."""
    assert flags(mine) == {*Inputs.model_fields, *MiningConfig.model_fields, *Runtime.model_fields}


def test_export_takes_what_pass_one_has_not_used_up():
    """The flags of export are the config less the settings of pass 1, verdicts, and where a judge's model runs."""
    assert flags(export) == set(MiningConfig.model_fields) - set(RETRIEVAL_SETTINGS) | {"verdicts", *Runtime.model_fields}


def test_help_imports_nothing_heavy():
    """`hardneg --help` answers without numpy, torch or the like."""
    code = "import sys; from app.cli import app\ntry: app(['--help'])\nexcept SystemExit: pass\nprint(sorted(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "mine" in done.stdout
    assert not HEAVY & set(json.loads(done.stderr.strip().splitlines()[-1].replace("'", '"')))


@pytest.mark.parametrize("verb", ["mine", "export", "explain", "sweep", "report", "verify", "demo", "serve", "cache"])
def test_every_verb_has_help(verb):
    """Help of each verb, with an example or a sentence."""
    from app.cli import app

    shown = CliRunner().invoke(app, [verb, "--help"])
    assert shown.exit_code == 0
    assert "Usage" in shown.stdout


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.yaml", "data: d\nnegatives: 7\nfilters: ['margin:relative=0.2']\n"),
        ("c.toml", 'data = "d"\nnegatives = 7\nfilters = ["margin:relative=0.2"]\n'),
        ("c.json", '{"data": "d", "negatives": 7, "filters": ["margin:relative=0.2"]}'),
        (
            "manifest.json",
            '{"manifest_version": 1, "inputs": {"data": "d", "pairs": null}, "config": {"negatives": 7, "filters": ["margin:relative=0.2"]}}',
        ),
    ],
)
def test_config_files_of_every_kind(tmp_path, name, text):
    """YAML, TOML, JSON and a manifest say the same; a flag wins, and a filter flag adds."""
    path = tmp_path / name
    path.write_text(text)
    inputs, config, _ = options.gather({"seed": 3, "filter": ["near_positive:off"], "negatives": None}, path)
    assert inputs.data == "d"
    assert (config.negatives, config.seed) == (7, 3)
    assert "near_positive" not in config.active_filters
    assert config.active_filters["margin"].relative == 0.2


@pytest.mark.parametrize(
    ("text", "said"),
    [("negativs: 3", "no setting 'negativs'"), ("[1, 2]", "not a mapping"), ("a: [", "c.yaml"), ("negatives: x", "negatives is 'x'")],
)
def test_wrong_config_files(tmp_path, text, said):
    """One sentence that names what is wrong."""
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        options.gather({"data": "d"}, path)


@pytest.mark.slow
def test_environment_is_below_flags(tmp_path):
    """HARDNEG_MODEL stands in for --model."""
    environ = {**os.environ, "HARDNEG_MODEL": str(tmp_path / "nowhere"), "HARDNEG_DATA": str(tmp_path)}
    done = subprocess.run([sys.executable, "-m", "hardneg", "mine", "--out", "-"], capture_output=True, text=True, env=environ, check=False)
    assert done.returncode == 6
    assert f"there is no model folder '{environ['HARDNEG_MODEL']}'" in done.stderr


def every_option():
    """(verb, option) of the whole command line, the service's verbs too."""
    import typer

    from app.cli import app

    def inside(command, words):
        for name, each in getattr(command, "commands", {}).items():
            yield from inside(each, (*words, name))
        options = [each for each in command.params if each.param_type_name == "option" and not each.is_eager]
        yield from (pytest.param(command, each, id=" ".join((*words, each.name))) for each in options if words)

    return [*inside(typer.main.get_command(app), ())]


@pytest.mark.parametrize(("verb", "option"), every_option())
def test_every_variable_can_be_set_and_is_heard(verb, option, monkeypatch):
    """Its name is one that a shell takes, and its value arrives."""
    assert re.fullmatch("[A-Z][A-Z0-9_]*", option.envvar)
    monkeypatch.setenv(option.envvar, "true" if option.is_bool_flag else "3")
    value = verb.make_context("verb", [], resilient_parsing=True).params[option.name]
    heard = value[0] if option.multiple else value
    assert (heard is True) if option.is_bool_flag else (str(heard) in ("3", "3.0"))


def test_brackets_in_help_are_text():
    """Rich would leave out `[exact]`, as markup."""
    from app.cli import app

    for name, command in get_command(app).commands.items():
        full = any(param.name == "help_all" for param in command.params)
        page = CliRunner().invoke(app, [name, "--help-all" if full else "--help"], env={"COLUMNS": "400", "TERMINAL_WIDTH": "400"}).output
        shown = re.sub(r"[\s│]+", "", page)
        for param in command.params:
            for bracket in re.findall(r"\[[^\]]+\]", getattr(param, "help", None) or ""):
                assert re.sub(r"\s+", "", bracket) in shown, (name, param.name)

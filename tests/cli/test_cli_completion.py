"""What a shell completes behind a flag: the names of the tables, the words of the settings, the models that lie here."""

import dataclasses
import os
import shutil
import subprocess

import pytest
from test_cli_repeats import VERBS
from warm import folder_on_path

from miner.cli.completion import SETTINGS, TABLES, completer, values
from miner.config.presets import PRESETS
from miner.filters import FILTERS
from miner.formats import FORMATS


def completed(words, flag, incomplete):
    """As the shell asks for it."""
    verb = dict(VERBS)[tuple(words.split())]
    param = next(param for param in verb.params if flag in param.opts or flag == param.name)
    context = verb.make_context("verb", [], resilient_parsing=True)
    return [item.value for item in param.shell_complete(context, incomplete)]


@pytest.mark.parametrize(
    ("words", "flag", "incomplete", "values"),
    [
        ("mine", "--preset", "", list(PRESETS)),
        ("mine", "--preset", "s", ["safe", "st-compat"]),
        ("export", "--filter", "near_", ["near_text", "near_positive"]),
        ("mine", "--filter", "max_score:", ["max_score:score=", "max_score:by=", "max_score:off"]),
        ("mine", "--sampler", "softmax:", ["softmax:temperature=", "softmax:by="]),
        ("mine", "--output-format", "t", ["triplet", "tevatron-v1", "tevatron-v2", "trec"]),
        ("mine", "--device", "c", ["cpu", "cuda"]),
        ("mine", "--kind", "jsonl.", ["jsonl.gz", "jsonl.zst"]),
        ("mine", "--judged", "", ["prefer", "trust", "ignore"]),
        ("mine", "--pooling", "", ["mean", "cls", "lasttoken"]),
        ("mine", "--column", "t", ["tiers"]),
        ("train", "--loss", "h", ["hcl"]),
        ("evaluate", "--measure", "n", ["ndcg"]),
        ("lint", "--format", "trip", ["triplet"]),
        ("lint", "--ignore", "lea", ["leak"]),
        ("filters", "name", "marg", ["margin"]),
        ("formats", "name", "", list(FORMATS)),
        ("mine", "--out", "x", []),
    ],
)
def test_a_flag_is_completed(words, flag, incomplete, values):
    assert [each for each in completed(words, flag, incomplete) if "\x00" not in each] == values


def test_models_of_the_cache_are_completed(tmp_path, monkeypatch):
    for name in ("models--BAAI--bge-small-en", "models--BAAI--bge-m3", "datasets--BeIR--scifact"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert completed("mine", "--model", "BAAI/") == ["BAAI/bge-m3", "BAAI/bge-small-en"]


@pytest.mark.parametrize("flag", [*TABLES, *SETTINGS])
def test_every_flag_of_the_tables_has_values(flag):
    """Each place that is named exists, and a flag has the completion."""
    assert list(values(flag))
    assert completer(flag)("no such value") == []
    assert any(f"--{flag}" in param.opts and param._custom_shell_complete for _, verb in VERBS for param in verb.params)


def test_every_knob_that_is_completed_exists():
    for name, part in FILTERS.items():
        knobs = [field.name for field in dataclasses.fields(part)]
        assert list(values("filter", f"{name}:")) == [*(f"{name}:{knob}=" for knob in knobs), f"{name}:off"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
@pytest.mark.parametrize(
    ("line", "words"),
    [("hardneg mine --preset s", ["safe", "st-compat"]), ("hardneg veri", ["verify"]), ("hardneg mine --pre", ["--preset"])],
)
def test_bash_completes_a_line(line, words, tmp_path):
    """With the script that it is given, through its own variables: what a person sees after Tab."""
    script = tmp_path / "completion.sh"
    environ = {**os.environ, "PATH": f"{folder_on_path()}:{os.environ['PATH']}"}
    shown = subprocess.run(["hardneg"], env={**environ, "_HARDNEG_COMPLETE": "source_bash"}, capture_output=True, text=True, check=True)
    script.write_text(shown.stdout)
    call = f'source {script}; COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _hardneg_completion hardneg; echo "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "--norc", "-c", call], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout.split() == words
    assert "complete" in shown.stdout
    assert "-F _hardneg_completion hardneg" in shown.stdout

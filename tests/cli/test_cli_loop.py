"""`hardneg loop` as a person uses it."""

import inspect
import json
import subprocess
import sys

import pytest
import warm

from app.cli import main
from miner.cli import options
from miner.cli.loop import loop
from miner.config import Inputs, MiningConfig, Runtime
from miner.train import LoopConfig, TrainConfig


@pytest.fixture
def faq(tmp_path):
    path = tmp_path / "faq.csv"
    path.write_text("question,answer\n" + "".join(f"w{i},w{i} w{(i * 7) % 50}\n" for i in range(20)))
    return path


@pytest.mark.slow
def test_two_rounds_from_pairs(faq, tiny_model, tmp_path):
    """A table on stderr, JSON on stdout, three negatives a row, the last model kept; again only with --resume."""
    pytest.importorskip("accelerate")
    words = ["loop", "--pairs", faq, "--field", "query=question", "--field", "positive=answer", "--model", tiny_model, "--rounds", 2]
    words += ["--steps", 2, "--train-batch-size", 4, "--same", 1, "--out", tmp_path / "out", "--json"]
    done = subprocess.run(warm.command("-m", "hardneg", *words), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["identity"]["mining"]["negatives"] == 3
    assert [each["round"] for each in told["rounds"]] == [1, 2]
    assert (tmp_path / "out" / "model" / "modules.json").is_file()
    assert "2 *" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--pairs", "{faq}", "--model", "{model}"], 2, "--out"),
        (["--pairs", "{faq}", "--out", "o"], 2, "--model"),
        (["--pairs", "{faq}", "--model", "{model}", "--out", "o", "--rounds", "0"], 2, "rounds is 0"),
        (["--pairs", "{faq}", "--model", "{model}", "--out", "o", "--easy", "0.1"], 2, "easy has to be larger"),
        (["--pairs", "{faq}", "--model", "./nowhere", "--out", "o"], 6, "no model folder"),
    ],
)
def test_wrong_use_is_one_sentence(faq, tiny_model, tmp_path, monkeypatch, capsys, words, code, said):
    """The right exit code and no traceback."""
    monkeypatch.setattr(sys, "argv", ["hardneg", "loop", *(word.format(faq=faq, model=tiny_model) for word in words)])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        main()
    told = capsys.readouterr().err
    assert (left.value.code, "Traceback" in told) == (code, False), told
    assert said in told


def test_flags_are_fields():
    """Every field of LoopConfig and TrainConfig is a flag; every flag is a field of something."""
    names = {options.ALIASES.get(name, name) for name in inspect.signature(loop).parameters}
    ours = {"dev", "dev_split", "report_to", "out", "force", "resume", "config", "as_json", "quiet"}
    known = {name for model in (TrainConfig, LoopConfig, Inputs, MiningConfig, Runtime) for name in model.model_fields}
    assert names - ours <= known
    assert {*TrainConfig.model_fields, *LoopConfig.model_fields} <= names

"""`hardneg train` as a person uses it."""

import inspect
import json
import subprocess
import sys

import pytest
import warm

from app.cli import main
from miner.cli import options
from miner.cli.train import train
from miner.config import Inputs, MiningConfig, Runtime
from miner.train import TrainConfig


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"anchor": f"w{i}", "positive": f"w{i} w1", "negative": f"w{i + 20}"}) + "\n" for i in range(12)))
    return path


@pytest.mark.slow
def test_a_file_becomes_a_model(file, tiny_model, tmp_path):
    """The folder, the summary on stderr, JSON on stdout."""
    pytest.importorskip("accelerate")
    words = ["train", file, "--model", tiny_model, "--out", tmp_path / "out", "--steps", 3, "--train-batch-size", 4, "--json"]
    done = subprocess.run(warm.command("-m", "hardneg", *words), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"]["negatives"] == 1
    assert (tmp_path / "out" / "modules.json").is_file()
    assert "{'loss'" not in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["{file}", "--model", "{model}"], 2, "--out"),
        (["{file}", "--data", "x", "--model", "{model}", "--out", "o"], 2, "a training file goes alone"),
        (["--model", "{model}", "--out", "o"], 2, "give one of"),
        (["{file}", "--model", "{model}", "--out", "o", "--loss", "x"], 2, "there is no loss 'x'"),
        (["{file}", "--model", "{model}", "--out", "o", "--learning-rate", "0.1,0.2"], 2, "nothing that chooses"),
        (["{file}", "--model", "{model}", "--out", "o", "--dev-split", "dev"], 2, "--dev-split goes with --dev"),
        (
            ["{file}", "--model", "{model}", "--out", "o", "--report-to", "tensorbord"],
            2,
            "no tracker 'tensorbord'; did you mean 'tensorboard'?",
        ),
        (
            ["{file}", "--model", "{model}", "--out", "o", "--report-to", "trackio"],
            2,
            "--report-to trackio needs a package that is not installed: pip install trackio",
        ),
        (["nowhere.jsonl", "--model", "{model}", "--out", "o"], 5, "nowhere.jsonl"),
        (["{file}", "--out", "o"], 2, "--model"),
    ],
)
def test_wrong_use_is_one_sentence(file, tiny_model, tmp_path, monkeypatch, capsys, words, code, said):
    """The right exit code, no traceback, nothing left behind."""
    monkeypatch.setattr(sys, "argv", ["hardneg", "train", *(word.format(file=file, model=tiny_model) for word in words)])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        main()
    told = capsys.readouterr().err
    assert (left.value.code, "Traceback" in told) == (code, False), told
    assert said in told
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]


def test_flags_are_fields():
    """Every field of TrainConfig and Runtime is a flag; every flag is a field of something."""
    names = {options.ALIASES.get(name, name) for name in inspect.signature(train).parameters}
    ours = {"file", "mine", "dev", "dev_split", "report_to", "out", "force", "resume", "config", "as_json", "quiet"}
    known = {*TrainConfig.model_fields, *Inputs.model_fields, *MiningConfig.model_fields, *Runtime.model_fields}
    assert names - ours <= known
    assert {*TrainConfig.model_fields, *Runtime.model_fields} <= names

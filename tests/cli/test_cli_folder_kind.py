"""`hardneg report` and `hardneg verify` take a run, a trained model or a loop, and say so of any other folder."""

import json
import sys

import pytest

from app.cli import main
from miner.io.atomic import sha256_of
from miner.train.training_report import file_hashes


@pytest.fixture
def call(monkeypatch, capsys):
    """(exit code, stdout, stderr) of a command in this process."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["hardneg", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        return (left.value.code, *capsys.readouterr())

    return run


@pytest.fixture
def model(tmp_path):
    """What a training leaves, but for the weights."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "modules.json").write_text("[]")
    look = {"step": 2, "dev": {"mrr@10": 0.5}, "training_rows": {"rows": 9, "above": 0.25, "margin": 0.125, "gradient_mass": 0.5}}
    report = {"history": [[0, 0.25], [2, 0.5]], "dev_measure": "mrr@10", "dev_score": 0.5, "steps": 2, "stopped_at": 2, "loss": [[1, 2.0]]}
    report |= {"learning_rate": 0.1, "rows": {"rows": 9}, "warnings": ["a note"], "looks": [{**look, "step": 0}, look]}
    (folder / "training.json").write_text(json.dumps({**report, "files": file_hashes(folder)}))
    return folder


@pytest.fixture
def loop(tmp_path):
    """What a loop without rounds would leave."""
    folder = tmp_path / "loop"
    folder.mkdir()
    (folder / "notebook.parquet").write_text("entries")
    files = {"notebook.parquet": sha256_of(folder / "notebook.parquet")}
    (folder / "loop.json").write_text(json.dumps({"identity": {}, "rounds": [], "done": True, "files": files, "best": 0, "stopped": "x"}))
    return folder


def test_the_report_of_a_model(call, model):
    """Two tables, dev and training rows apart; the same as JSON; a page of its own, so no --out."""
    code, shown, _ = call("report", model)
    lines = [line.rstrip() for line in shown.splitlines()]
    assert code == 0
    assert lines[:3] == ["on dev", "step    mrr@10", "before  0.5000"]
    assert "on training rows (a sample of 9)" in lines
    assert "2 *                 25.0 %        0.125          0.500" in lines
    assert "* saved: step 2, the best of 1 checkpoints on dev (mrr@10 0.5000; 0.2500 before training)" in lines
    assert json.loads(call("report", model, "--json")[1])["looks"][1]["step"] == 2
    assert "report.html" in call("report", model, "--out", "x.html")[2]


def test_verify_names_what_changed(call, model, loop):
    """Exit 1 and the file."""
    for folder, name, others in (
        (model, "modules.json", "1 file matches training.json"),
        (loop, "notebook.parquet", "1 file matches loop.json"),
    ):
        code, _, said = call("verify", folder)
        assert code == 0
        assert others in said
        (folder / name).write_text("other")
        code, _, said = call("verify", folder)
        assert code == 1
        assert f"{name} has changed" in said
        assert call("verify", folder, "--rerun")[0] == 2


def test_any_other_folder_is_refused_with_what_would_be_taken(call, model, tmp_path):
    """A folder of something else, none at all, a model of another trainer, two models."""
    for verb in ("report", "verify"):
        code, _, said = call(verb, tmp_path)
        assert code == 3
        assert "is no run folder, no trained model and no loop: it has no manifest.json, training.json or loop.json" in said
        assert "there is no such folder" in call(verb, tmp_path / "nowhere")[2]
    code, _, said = call("report", model, model)
    assert code == 2
    assert f"hardneg evaluate --model {model}" in said
    (model / "training.json").unlink()
    assert "it is a model that `hardneg train` did not make" in call("report", model)[2]

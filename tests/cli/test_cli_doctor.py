"""`hardneg doctor`: what it prints and how it ends."""

import json
import sys

import pytest

from app.cli import main


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """(exit code, stdout)."""

    def run(*words):
        monkeypatch.setattr(
            sys, "argv", ["hardneg", "doctor", "--cache", str(tmp_path / "cache"), "--out", str(tmp_path), *map(str, words)]
        )
        with pytest.raises(SystemExit) as left:
            main()
        return left.value.code, capsys.readouterr().out

    return run


def test_a_fit_machine(call):
    """Every line is there, and the tiny run is right."""
    code, said = call()
    assert code == 0
    for word in ("versions", "processor", "memory", "kernels", "threads", "store", "out", "extras", "check      right", "no problem found"):
        assert word in said


def test_a_folder_that_is_none_is_a_problem(call, tmp_path):
    """Exit 1, in words and as JSON."""
    code, said = call("--no-check", "--data", tmp_path / "nothing")
    assert (code, f"problem: {tmp_path / 'nothing'} is no folder" in said.replace("\n", "")) == (1, True)
    assert said.endswith("\n1 problem\n")
    code, said = call("--no-check", "--data", tmp_path / "nothing", "--json")
    assert (code, json.loads(said)["problems"]) == (1, [f"{tmp_path / 'nothing'} is no folder"])


def test_an_index_is_checked_and_estimated(call):
    """What a run would build and search; what FAISS cannot build, or memory cannot hold, is a problem."""
    code, said = call("--no-check", "--index", "IVF64,Flat:nprobe=8", "--passages", 5000, "--dims", 16)
    assert (code, "IVF64,Flat:nprobe=8: 5,000 vectors of 16 dimensions, trained on 5,000; nprobe 8 (a whole number from 1" in said) == (
        0,
        True,
    )
    code, said = call("--no-check", "--recall", 0.98, "--json")
    assert json.loads(said)["index"]["plan"]["chosen"] == ["nprobe"]
    for index, passages, message in (
        ("IVF64,Flat:nprobe=65", 5000, "nprobe of index 'IVF64,Flat' is a whole number from 1 to 64, not 65"),
        ("IVF64,Flat", 20, "FAISS cannot build index 'IVF64,Flat' over 20 vectors"),
        ("auto", 20, "index 'auto' is chosen for the recall asked for"),
        ("Flat", 10**12, "of memory, and"),
    ):
        code, said = call("--no-check", "--index", index, "--passages", passages)
        assert (code, message in said.replace("\n", " ")) == (1, True), said

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

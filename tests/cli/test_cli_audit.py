"""`hardneg audit`: a table, or JSON; and what cannot be measured is one sentence."""

import json
import sys

import pytest

from app.cli import main
from miner.cli.audit import share
from miner.config import MiningConfig
from miner.errors import ConfigError
from miner.read import read_inline
from miner.runs.run import mine


def call(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["hardneg", "audit", *map(str, words)])
    with pytest.raises(SystemExit) as left:
        main()
    return (left.value.code, *capsys.readouterr())


@pytest.fixture
def run(tiny_model, tmp_path):
    def make(queries):
        passages = [{"id": f"p{i}", "text": f"w{i % 60} w{i % 59} w{i % 7}"} for i in range(200)]
        asked = [{"id": f"q{i}", "text": f"w{i % 60} w{i % 59}", "positives": [f"p{i}", f"p{i + 60}"]} for i in range(queries)]
        config = MiningConfig.of(model=str(tiny_model), depth=20)
        return mine(read_inline(asked, passages, tmp_path / "given"), config, out=tmp_path / "run").folder

    return make


@pytest.mark.slow
def test_a_table_and_json(run, monkeypatch, capsys):
    """The run's own setting, those of the grid, and the nearest passages."""
    folder = run(60)
    code, said, _ = call(monkeypatch, capsys, folder, "--draws", 2, "--grid", "negatives=1,4", "--quiet")
    assert code == 0
    for part in ("negatives=1", "negatives=4", "nearest", "95 % Wilson", "60 positives of 60 queries were hidden, 2 times"):
        assert part in said
    code, said, _ = call(monkeypatch, capsys, folder, "--draws", 1, "--hide", "0.5", "--json", "--quiet")
    assert [one["values"] for one in json.loads(said)["settings"]] == [{}, {"setting": "nearest"}]


def test_what_cannot_be_measured(run, monkeypatch, capsys):
    """Exit 3."""
    code, _, said = call(monkeypatch, capsys, run(20), "--quiet")
    assert code == 3
    assert "50 queries with two positives or more are wanted, and there are 20" in said


@pytest.mark.parametrize("wrong", ["0", "1", "x", "-0.5"])
def test_a_share_is_a_share(wrong):
    assert share("rest") is None
    assert share("0.25") == 0.25
    with pytest.raises(ConfigError, match=f"not '{wrong}'"):
        share(wrong)

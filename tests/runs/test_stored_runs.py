"""Runs and data folders that an earlier version left open, verify and export as they did."""

import shutil
from pathlib import Path

import pytest

from app.auth.keys import ls
from app.state import open_state
from miner.analysis.explain import explain
from miner.runs.run import Run, export, mine

STORED = Path(__file__).parents[1] / "stored"


@pytest.fixture
def run(tmp_path):
    """The run in a folder of its own."""
    shutil.copytree(STORED / "run", tmp_path / "run")
    return Run(tmp_path / "run")


def test_it_is_whole_and_can_be_explained(run):
    """Every hash of its manifest holds; deep lists of that version count as what they are."""
    assert run.differences() == []
    assert run.manifest["retrieval"]["queries_deepened"] > 0
    assert explain(run, "q0")["anchors"][0]["candidates"]


def test_it_exports_the_same_bytes(run, tmp_path):
    """By its own settings, and by others as that version did; its rules mean what they meant then."""
    assert export(run, run.config, out=tmp_path / "same").file.read_bytes() == run.file.read_bytes()
    other = run.config.model_copy(update={"negatives": 2}).with_filters("margin:relative=0.1,background=0.3,below=0,relax=true")
    assert export(run, other, out=tmp_path / "other").file.read_bytes() == (STORED / "exported.jsonl").read_bytes()


def test_mining_its_dataset_again_gives_its_file(run, tmp_path):
    """From the texts and judgements that it holds."""
    assert mine(run.dataset, run.config, out=tmp_path / "again").file.read_bytes() == run.file.read_bytes()


def test_a_service_opens_its_data_folder(tmp_path):
    """And knows its keys."""
    shutil.copytree(STORED / "service", tmp_path / "data")
    state = open_state(tmp_path / "data")
    assert [key["name"] for key in ls(state)] == ["bootstrap"]
    state.close()

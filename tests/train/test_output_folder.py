"""The rules for the folders of a training and of a loop, on folders written by hand: nothing is trained."""

import json

import pytest

from miner.config import MiningConfig
from miner.errors import ConfigError
from miner.train.config import TrainConfig
from miner.train.output_folder import LOOP, OutputFolder, begin_loop, check_loop

CONFIG = TrainConfig().model_dump(mode="json")
IDENTITY = {"rows": "1", "model": "2", "dev": None, "config": CONFIG}


@pytest.fixture
def folder(tmp_path):
    """Of a training that was interrupted."""
    out = OutputFolder(tmp_path / "model", tmp_path / "model.checkpoints")
    out.work.mkdir()
    out.begin(IDENTITY, resume=None)
    return out


def rewrite(path, change):
    """Change a stored file, and show it whole to who begins next."""
    stored = json.loads(path.read_text())
    change(stored)
    path.write_text(json.dumps(stored))


def left_by_a_kill(path):
    """What a writer leaves that dies between its two renames: the old folder aside, and halves of a file."""
    old, half = path.with_name(f".{path.name}.0123abcd.old.part"), path.with_name(f".{path.name}.4567cdef.part")
    old.mkdir(parents=True)
    (old / "modules.json").write_text("old")
    half.write_text("hal")


def test_a_training_recovers_what_a_kill_left(folder):
    """The old model is back before anything is looked at."""
    left_by_a_kill(folder.final)
    folder.begin(IDENTITY, resume=None)
    assert (folder.final / "modules.json").read_text() == "old"
    assert json.loads((folder.work / "identity.json").read_text())["replaces"] is True
    assert {path.name for path in folder.final.parent.iterdir()} == {"model", "model.checkpoints"}


def test_a_loop_recovers_what_a_kill_left(tmp_path):
    """In its folder and in every round."""
    places = [tmp_path / "dataset", tmp_path / "round-1" / "model"]
    for place in places:
        left_by_a_kill(place)
    begin_loop(tmp_path, {}, resume=True)
    assert [(place / "modules.json").read_text() for place in places] == ["old", "old"]
    assert {path.name for path in tmp_path.rglob("*")} == {"dataset", "round-1", "model", "modules.json", LOOP}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda stored: stored.update(rows="3"), "other rows"),
        (lambda stored: stored.update(model="3"), "another model at that place"),
        (lambda stored: stored.update(dev="3"), "other dev data"),
        (lambda stored: stored["config"].update(seed=7), "another seed"),
        (lambda stored: stored["config"].update(loss="gone"), "another loss"),
        (lambda stored: stored["config"].update(teacher="x"), "another teacher"),
    ],
)
def test_another_training_is_not_resumed(folder, change, words):
    """Its name says what differs: rows, model, dev data, or a setting, also one that this version refuses or does not know."""
    rewrite(folder.work / "identity.json", change)
    with pytest.raises(ConfigError, match=f"was begun with {words}; resume=False begins again"):
        folder.begin(IDENTITY, resume=True)


def test_a_setting_that_came_later_has_its_default(folder):
    """So an earlier version behaved."""
    rewrite(folder.work / "identity.json", lambda stored: stored["config"].pop("pooling"))
    assert folder.begin(IDENTITY, resume=True)
    with pytest.raises(ConfigError, match="was begun with another pooling"):
        folder.begin({**IDENTITY, "config": {**CONFIG, "pooling": "cls"}}, resume=True)


def test_filters_of_an_earlier_version_are_those_of_today(tmp_path):
    """They did not say whether they may be relaxed: all could be."""
    mining = MiningConfig.of(filters=("margin:relative=0.1,relax=true",)).model_dump(mode="json")
    begin_loop(tmp_path, {"mining": {**mining, "filters": ["margin:relative=0.1"]}}, resume=None)
    check_loop(tmp_path, {"mining": mining}, resume=True, force=False)
    with pytest.raises(ConfigError, match=r"was begun with another mining\.depth;"):
        check_loop(tmp_path, {"mining": {**mining, "depth": 33}}, resume=True, force=False)


@pytest.mark.parametrize(("resume", "force"), [(None, False), (None, True), (False, False)])
def test_a_finished_round_goes_only_with_force_and_fresh(tmp_path, resume, force):
    """Neither alone deletes it; where no round is finished, either is enough."""
    begin_loop(tmp_path, {}, resume=None)
    if force or resume is False:
        check_loop(tmp_path, {}, resume=resume, force=force)
    (tmp_path / "round-1").mkdir()
    (tmp_path / "round-1" / "delta.json").touch()
    with pytest.raises(ConfigError, match="holds a finished round of a loop: resume=True continues, force=True resume=False deletes them"):
        check_loop(tmp_path, {}, resume=resume, force=force)
    check_loop(tmp_path, {}, resume=False, force=True)

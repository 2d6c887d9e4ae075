"""Checkpoints and all that a training writes: whole or not there, at whatever moment the process dies."""

import hashlib
import json
import logging
import shutil
import subprocess
from pathlib import Path

import pytest
import warm
from dying import apart, dies_at

from miner.config import Inputs
from miner.errors import BusyError, ConfigError, StorageError
from miner.train import TrainConfig, train
from miner.train.checkpoints import MARK, PARTS, Checkpoints
from miner.train.lock import locked

pytestmark = pytest.mark.slow

pytest.importorskip("accelerate")

KEPT = ("model.safetensors", "training.json", "log.jsonl", "report.html")


def written(place, step, *, best=None, ended=False):
    """A checkpoint of one file."""
    (place.aside / f"checkpoint-{step}").mkdir(parents=True)
    (place.aside / f"checkpoint-{step}" / "model.bin").write_text(f"weights {step}")
    return place.put(step, best=best, ended=ended, parts={"step": step})


BREAKS = {
    "no mark": lambda folder: (folder / MARK).unlink(),
    "a file is gone": lambda folder: (folder / "model.bin").unlink(),
    "a file was cut": lambda folder: (folder / "model.bin").write_text("wei"),
    "parts are gone": lambda folder: (folder / PARTS).unlink(),
    "the mark was cut": lambda folder: (folder / MARK).write_text('{"files"'),
}


@pytest.mark.parametrize("damage", BREAKS)
def test_a_broken_checkpoint_is_named_and_an_older_whole_one_taken(tmp_path, caplog, damage):
    """Of whatever kind the damage is; what is passed over is removed."""
    place = Checkpoints(tmp_path)
    for step in (2, 4):
        written(place, step)
    BREAKS[damage](place.at(4))
    with caplog.at_level(logging.WARNING):
        assert (place.last().step, place.last().parts) == (2, {"step": 2})
    assert f"{place.at(4)} is passed over and removed" in caplog.text
    assert not place.at(4).exists()


@pytest.mark.parametrize(
    ("bests", "kept"), [((2,), [2]), ((2, 4), [2, 4]), ((2, 4, 4), [4, 6]), ((2, 2, 6), [2, 6]), ((None,) * 3, [4, 6])]
)
def test_the_newest_and_one_to_fall_back_on_stay(tmp_path, bests, kept):
    """The best one where it is older than the newest, else an older one that needs no other."""
    place = Checkpoints(tmp_path)
    for step, best in zip((2, 4, 6), bests, strict=False):
        written(place, step, best=best)
    assert [step for step in (2, 4, 6) if place.at(step).exists()] == kept


def test_a_checkpoint_needs_its_best_one(tmp_path):
    """Without it, it is none, and goes."""
    place = Checkpoints(tmp_path)
    written(place, 4, best=4)
    written(place, 6, best=4)
    (place.at(4) / "model.bin").write_text("other")
    assert place.last() is None
    assert not place.at(6).exists()


def test_what_lies_aside_is_no_checkpoint(tmp_path):
    """Without put, nothing is there; an empty folder of that name is not one either."""
    place = Checkpoints(tmp_path)
    written(place, 2)
    (place.aside / "checkpoint-4").mkdir(parents=True)
    place.at(6).mkdir()
    assert place.last().step == 2
    assert not place.aside.joinpath("checkpoint-4").exists()


def contents(out):
    return {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in KEPT}


def job(model, folder, out, rate=0.9, **more):
    """A training whose dev stops it early, from a model in memory."""
    knobs = {"steps": 12, "eval_every": 2, "train_batch_size": 8, "learning_rates": (rate,), "patience": 2, "accumulate": 2}
    data, dev = (Inputs.of(data=str(folder), split=(split,)) for split in ("train", "dev"))
    return train(data, TrainConfig.of(model=str(model), **knobs), out=out, dev=dev, **more)


def die_again_and_again(model, folder, place, first):
    whole = contents(job(model, folder, place / "whole").folder)
    out, moment = place / "out", first
    while not dies_at(moment, lambda: job(model, folder, out, resume=True)):
        assert not out.exists() or contents(out) == whole
        moment += 23
    assert contents(out) == whole
    assert sorted(path.name for path in place.iterdir()) == ["out", "whole"], sorted(path.name for path in place.iterdir())


@pytest.mark.parametrize("first", [3, 8])
def test_dead_at_any_moment_of_writing_it_goes_on_to_the_same_bytes(tiny_model, tiny_folder, tmp_path, first):
    """Killed again and again at later moments, then left to finish: model and training.json of one that was never killed."""
    apart(die_again_and_again, tiny_model, tiny_folder, tmp_path, first)


def test_killed_after_the_last_step_or_an_early_stop_no_step_is_added(tiny_model, tiny_folder, tmp_path, monkeypatch):
    """The checkpoint says that the training came to its end: patience, warnings and what was counted go on too."""
    whole = job(tiny_model, tiny_folder, tmp_path / "whole", rate=1e-5)
    assert whole.report["stopped_at"] < 12

    def stop(*args, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr("miner.train.fit._outcome", stop)
    with pytest.raises(KeyboardInterrupt):
        job(tiny_model, tiny_folder, tmp_path / "out", rate=1e-5)
    monkeypatch.undo()
    done = job(tiny_model, tiny_folder, tmp_path / "out", rate=1e-5, resume=True)
    assert contents(done.folder) == contents(whole.folder)
    interrupted(tiny_model, tiny_folder, tmp_path / "half", rate=1e-5)
    assert contents(job(tiny_model, tiny_folder, tmp_path / "half", rate=1e-5, resume=True).folder) == contents(whole.folder)


def interrupted(model, folder, out, **more):
    def stop(stage, done, total):
        if stage == "train" and done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job(model, folder, out, on_progress=stop, **more)


def test_force_replaces_a_finished_model_and_fresh_drops_unfinished_work(tiny_model, tiny_folder, tmp_path):
    """--force keeps the old model until the new one is whole; --resume continues without it; neither drops the other's."""
    out = tmp_path / "out"
    old = contents(job(tiny_model, tiny_folder, out, force=True).folder)
    interrupted(tiny_model, tiny_folder, out, force=True)
    assert contents(out) == old
    with pytest.raises(ConfigError, match="resume=True continues, resume=False begins again"):
        job(tiny_model, tiny_folder, out, force=True)
    with pytest.raises(ConfigError, match="exists already"):
        job(tiny_model, tiny_folder, out, resume=False)
    with pytest.raises(ConfigError, match="choose one of them"):
        job(tiny_model, tiny_folder, out, resume=True, force=True)
    job(tiny_model, tiny_folder, out, resume=True)
    assert not (tmp_path / "out.checkpoints").exists()
    interrupted(tiny_model, tiny_folder, out, force=True)
    assert contents(job(tiny_model, tiny_folder, out, resume=False, force=True).folder) == old
    assert contents(job(tiny_model, tiny_folder, out, resume=True).folder) == old, "a training that has ended is not one to go on with"


def test_another_model_or_dev_is_another_training(tiny_model, tiny_bert, tiny_folder, tiny_rows, tmp_path):
    """At the same path too; and a folder that holds no model is never replaced."""
    place = tmp_path / "model"
    shutil.copytree(tiny_model, place)
    interrupted(place, tiny_folder, tmp_path / "out")
    shutil.rmtree(place)
    shutil.copytree(tiny_bert, place)
    with pytest.raises(ConfigError, match="another model at that place"):
        job(place, tiny_folder, tmp_path / "out", resume=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(ConfigError, match="holds something else than a model"):
        job(tiny_model, tiny_folder, tmp_path / "mine", force=True)


def test_one_training_at_a_time(tiny_model, tiny_folder, tmp_path):
    """A second one at the same place is refused; the lock leaves nothing."""
    with locked(tmp_path / "out.checkpoints"), pytest.raises(BusyError, match="another process is at work there"):
        job(tiny_model, tiny_folder, tmp_path / "out", resume=True)
    assert not (tmp_path / "out.checkpoints").exists()


def test_the_checkpoint_says_what_is_in_it(tiny_model, tiny_folder, tmp_path):
    """Hashes of all its files, its step and the best one's."""
    interrupted(tiny_model, tiny_folder, tmp_path / "out")
    folder = tmp_path / "out.checkpoints" / "rate-0" / "checkpoint-4"
    told = json.loads((folder / MARK).read_text())
    assert (told["step"], told["ended"]) == (4, False)
    assert {*told["files"]} == {path.name for path in folder.rglob("*") if path.is_file()} - {MARK}


def test_a_full_disk_is_one_sentence_and_the_whole_checkpoint_goes_on(tiny_model, tiny_folder, tmp_path, monkeypatch):
    """Whoever raises it: torch in its own words, too."""
    import torch

    whole = contents(job(tiny_model, tiny_folder, tmp_path / "whole").folder)
    save = torch.save

    def full(value, path, **more):
        if "checkpoint-4" in str(path):
            raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 302 vs 301")
        save(value, path, **more)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(StorageError, match="the disk is full") as told:
        job(tiny_model, tiny_folder, tmp_path / "out")
    assert "--resume continues" in told.value.__notes__[0]
    monkeypatch.undo()
    assert contents(job(tiny_model, tiny_folder, tmp_path / "out", resume=True).folder) == whole


@pytest.mark.parametrize("more", [(), ("--over",), ("--loop",)])
def test_kill_nine(tiny_model, more):
    """A sample of the long proof, in a process of its own: it forks, which one that has had threads cannot."""
    script = Path(__file__).parents[1] / "long" / "kill_train.py"
    code = f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')"
    words = warm.command("-c", code, tiny_model, "--kills", 1, "--seed", 2, *more)
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

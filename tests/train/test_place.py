"""What an earlier version stored of a training or a loop is read as today's: what it did not know has its default."""

import json

import pytest
from test_checkpoints import contents, interrupted, job
from test_loop_files import run

from miner.errors import ConfigError

pytestmark = pytest.mark.slow

pytest.importorskip("accelerate")


def rewrite(path, change):
    """Change a stored file."""
    told = json.loads(path.read_text())
    change(told)
    path.write_text(json.dumps(told))


def drop(settings, *names):
    for name in names:
        del settings[name]


def test_a_training_that_an_earlier_version_began_goes_on(tiny_model, tiny_folder, tmp_path):
    """Fields and knobs that came later are missing; a value that differs, or that only another version knows, is refused by name."""
    whole = contents(job(tiny_model, tiny_folder, tmp_path / "whole").folder)
    interrupted(tiny_model, tiny_folder, tmp_path / "out")
    path = tmp_path / "out.checkpoints" / "identity.json"
    for name, value in {"seed": 7, "min_grade": 2, "use_negatives": 5000, "teacher": "x"}.items():
        was = path.read_bytes()
        rewrite(path, lambda told: drop(told["config"], "pooling"))
        rewrite(path, lambda told: told["config"].update({name: value}))  # noqa: B023 - called at once
        with pytest.raises(ConfigError, match=f"was begun with another {name}; resume=False begins again"):
            job(tiny_model, tiny_folder, tmp_path / "out", resume=True)
        path.write_bytes(was)
    rewrite(path, lambda told: drop(told["config"], "pooling", "min_grade", "drop_last"))
    rewrite(path, lambda told: told["config"].update(loss="in_batch"))
    rewrite(path, lambda told: drop(told, "model", "dev", "replaces"))
    assert contents(job(tiny_model, tiny_folder, tmp_path / "out", resume=True).folder) == whole


def test_a_finished_model_of_an_earlier_version_is_what_resume_asks_for(tiny_model, tiny_folder, tmp_path):
    """Killed at its very end: training.json lacks the fields, too."""
    out = job(tiny_model, tiny_folder, tmp_path / "out").folder
    rewrite(out / "training.json", lambda told: drop(told["config"], "pooling", "min_grade"))
    was = contents(out)
    job(tiny_model, tiny_folder, out, resume=True)
    assert contents(out) == was
    rewrite(out / "training.json", lambda told: told["config"].update(min_grade=3))
    with pytest.raises(ConfigError, match="made from something else"):
        job(tiny_model, tiny_folder, out, resume=True)


def test_a_loop_that_an_earlier_version_began_goes_on(tiny_model, tiny_folder, tmp_path):
    """Its filters do not say whether they may be relaxed: all could be; single files were no lists."""
    out = run(tiny_model, tiny_folder, tmp_path / "out").folder
    path = out / "loop.json"

    def earlier(told):
        identity = told["identity"]
        drop(identity["training"], "pooling", "min_grade")
        drop(identity["mining"], "pooling")
        identity["data"].update(corpus=None, queries=None, pairs=None)
        identity["mining"]["filters"] = [text.replace(",relax=true", "") for text in identity["mining"]["filters"]]

    rewrite(path, earlier)
    run(tiny_model, tiny_folder, out, resume=True)
    rewrite(path, lambda told: told["identity"]["mining"].update(depth=33))
    with pytest.raises(ConfigError, match=r"another mining\.depth; force=True resume=False"):
        run(tiny_model, tiny_folder, out, resume=True)

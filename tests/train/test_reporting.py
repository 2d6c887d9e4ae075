"""Trackers: refused where they are unknown or missing, told where to write, and off by default."""

import os

import pytest

from miner.errors import ConfigError
from miner.train import TrainConfig, train
from miner.train.reporting import check_trackers, logs_of, reporting


def test_what_is_missing_is_said_with_the_command(monkeypatch):
    """One sentence; `none` is nothing."""
    monkeypatch.setattr("miner.train.reporting.find_spec", lambda name: None if name == "wandb" else name)
    assert check_trackers(["none", "trackio", "trackio"]) == ("trackio",)
    with pytest.raises(ConfigError, match="pip install wandb"):
        check_trackers(["wandb"])
    with pytest.raises(ConfigError, match="did you mean 'wandb'"):
        check_trackers(["wandbb"])


def test_a_folder_that_the_user_named_stays(monkeypatch, tmp_path):
    """Another tracker's is set while the training runs only."""
    monkeypatch.setenv("WANDB_DIR", "theirs")
    monkeypatch.delenv("TENSORBOARD_LOGGING_DIR", raising=False)
    with reporting(("wandb", "tensorboard"), tmp_path):
        assert (os.environ["WANDB_DIR"], os.environ["TENSORBOARD_LOGGING_DIR"]) == ("theirs", str(tmp_path))
    assert "TENSORBOARD_LOGGING_DIR" not in os.environ
    assert logs_of(tmp_path / "model") == tmp_path / "model.logs"


@pytest.mark.slow
def test_the_trainer_reports_to_it(tiny_model, tiny_rows, tmp_path, monkeypatch):
    """A stand-in for TensorBoard's callback gets loss and gradient norm; the model's folder is the same with and without."""
    pytest.importorskip("accelerate")
    from transformers import TrainerCallback
    from transformers.integrations import integration_utils

    seen = []

    class StandIn(TrainerCallback):
        def on_log(self, args, state, control, logs=None, **_):
            seen.append((os.environ["TENSORBOARD_LOGGING_DIR"], args.run_name, sorted(logs)))

    monkeypatch.setattr("miner.train.reporting.find_spec", lambda name: name)
    monkeypatch.setitem(integration_utils.INTEGRATION_TO_CALLBACK, "tensorboard", StandIn)
    config = TrainConfig.of(model=str(tiny_model), steps=2, train_batch_size=8)
    made = [train(tiny_rows, config, out=tmp_path / name, report_to=names) for name, names in (("a", ("tensorboard",)), ("b", ()))]
    assert seen[0][:2] == (str(tmp_path / "a.logs" / "rate-0"), "a")
    assert {"loss", "grad_norm", "learning_rate"} <= set(seen[0][2])
    assert made[0].report["files"] == made[1].report["files"]

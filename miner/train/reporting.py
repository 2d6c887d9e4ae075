"""Trackers that the trainer reports to beside our own log: TensorBoard, Weights & Biases, trackio. They write beside the model."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from miner.errors import ConfigError
from miner.support.unknown_names import unknown_name

TRACKERS = {"tensorboard": "TENSORBOARD_LOGGING_DIR", "wandb": "WANDB_DIR", "trackio": "TRACKIO_DIR"}
"""Each tracker, and the environment variable that names the folder it writes to."""
NONE = "none"


def check_trackers(names: Sequence[str]) -> tuple[str, ...]:
    """Return the trackers without `none`. ConfigError for an unknown one, and where its package is missing."""
    wanted = tuple(name for name in dict.fromkeys(names) if name != NONE)
    for name in wanted:
        if name not in TRACKERS:
            raise ConfigError(unknown_name("tracker", name, [*TRACKERS, NONE]))
        if find_spec(name) is None:
            raise ConfigError(f"--report-to {name} needs a package that is not installed: pip install {name}")
    return wanted


def logs_of(model: Path) -> Path:
    """Return the folder of the trackers' logs, beside the model: its own folder holds what the model is, the same at every training."""
    return model.with_name(f"{model.name}.logs")


@contextmanager
def reporting(names: Sequence[str], folder: Path) -> Iterator[None]:
    """Let the trackers write to `folder` while a training runs, unless the environment names another folder."""
    variables = [TRACKERS[name] for name in names if TRACKERS[name] not in os.environ]
    os.environ.update(dict.fromkeys(variables, str(folder)))
    try:
        yield
    finally:
        for variable in variables:
            os.environ.pop(variable, None)

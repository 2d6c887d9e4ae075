"""One look at a model during its training: all measures on dev from one ranking, and a fixed sample of the training rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from miner.encode import Encoder
from miner.errors import ModelError
from miner.evaluation import EvaluateConfig
from miner.evaluation.compare import score_queries
from miner.io.scratch import scratch
from miner.train.hardness import Encode, unit
from miner.train.training import FitContext
from miner.train.training_log import RowNumbers
from miner.train.training_rows import TrainingColumns
from miner.types import Floats, Side

TEMPERATURE = 0.05
"""Of the gradient mass, as in the report of a run."""


def current_encode(encoder: Encoder, model: Any) -> Encode:
    """Return a function of (texts, side) that encodes with the model as it is when it is called."""

    def encode(texts: list[str], side: Side) -> Floats:
        was_training = model.training
        vectors = encoder.with_model(model).encode(texts, side)
        model.train(was_training)
        return vectors

    return encode


def dev_means(setting: FitContext, encoder: Encoder, model: Any) -> dict[str, float] | None:
    """Return each measure's mean over the dev queries, from one ranking; the vectors are not stored. None without dev data."""
    if setting.dev is None:
        return None
    measuring = EvaluateConfig.of(measures=setting.config.measures)
    with scratch() as cache:
        runtime = setting.runtime.model_copy(update={"cache": cache})
        values = score_queries(setting.dev, encoder.with_model(model), measuring, setting.config.encoding(), runtime)
    return {name: float(mean) for name, mean in zip(measuring.measures, values.mean(axis=0), strict=True)}


def row_numbers(rows: TrainingColumns, encode: Encode, limit: int) -> RowNumbers | None:
    """Measure at most `limit` evenly spaced training rows; None without negatives.

    encode: function of (texts, side) that returns vectors. ModelError where one is no number.
    """
    if not rows.negatives or not limit:
        return None
    count = min(limit, len(rows))
    places = np.arange(count) * len(rows) // count
    sample = {name: [rows.columns[name][place] for place in places] for name in ("anchor", "positive", *rows.negatives)}
    with np.errstate(all="ignore"):
        anchors = unit(encode(sample["anchor"], "query"))
        scores = np.stack([(anchors * unit(encode(sample[name], "passage"))).sum(axis=1) for name in ("positive", *rows.negatives)])
    if not np.isfinite(scores).all():
        raise ModelError("a vector of the model is no longer a number: lower the learning rate, or use float32")
    gaps = scores[1:] - scores[0]
    return {
        "rows": count,
        "above": float((gaps.max(axis=0) > 0).mean()),
        "margin": float(-gaps.mean()),
        "gradient_mass": float((1 - 1 / (1 + np.exp(gaps / TEMPERATURE).sum(axis=0))).mean()),
    }

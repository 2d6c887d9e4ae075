"""The context of a training that its parts may need beside their knobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from miner.train.hardness import Encode
from miner.train.training_rows import TrainingColumns


@dataclass(frozen=True)
class TrainingContext:
    """The context of a training, for its parts.

    rows: the training rows.
    encode_base: function of (texts, side) that returns vectors of the model before training.
    encode_current: the same with the current model.
    seed: of the training.
    samplers: list to which batch samplers that learn from losses are appended.
    paraphrase: the user's function for the change `paraphrase`.
    one_pass: whether the whole training is one pass over the rows, or less.
    labels: what the loss needs beside texts; without labels it is a contrastive one.
    """

    rows: TrainingColumns
    encode_base: Encode
    encode_current: Encode
    seed: int
    samplers: list[Any] = field(default_factory=list)
    paraphrase: Callable[[str], str] | None = None
    one_pass: bool = False
    labels: str = "none"

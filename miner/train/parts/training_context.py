"""The context of a training that its parts may need beside their knobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from miner.errors import ConfigError
from miner.train.hardness import Encode
from miner.train.training_rows import TrainingColumns
from miner.types import Floats, Side

LABELS = ("label", "labels", "score", "scores")
"""Columns that sentence-transformers reads as labels."""


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

    @classmethod
    def of(cls, model: Any, dataset: Any, seed: int = 0) -> TrainingContext:
        """Return the context of a script of the user's own.

        model: a SentenceTransformer or SparseEncoder; texts are encoded with its prompts, as it is when a part asks.
        dataset: of the trainer: an anchor, a positive, then negatives, in this order as sentence-transformers reads them.
        """
        if not hasattr(model, "encode_query"):
            raise ConfigError(f"a {type(model).__name__} gives no vectors to measure rows with: give HardExamples a function of its scores")
        names = [name for name in dataset.column_names if name not in LABELS]
        if len(names) < 2:
            raise ConfigError(f"training rows need an anchor and a positive, and have {', '.join(names) or 'no column of texts'}")
        own_names = ["anchor", "positive", *(f"negative_{number}" for number in range(1, len(names) - 1))]
        columns = {own: list(dataset[name]) for own, name in zip(own_names, names, strict=True)}

        def encode(texts: list[str], side: Side) -> Floats:
            was_training = model.training
            encode_side = model.encode_query if side == "query" else model.encode_document
            vectors = encode_side(texts, convert_to_tensor=True, show_progress_bar=False)
            model.train(was_training)
            return np.asarray((vectors.to_dense() if vectors.is_sparse else vectors).float().cpu())

        return cls(TrainingColumns(columns), encode, encode, seed)

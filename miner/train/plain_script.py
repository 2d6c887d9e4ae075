"""Parts in a script of the user's own: one call connects them with a trainer of sentence-transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from miner.errors import ConfigError
from miner.train.augment import Una
from miner.train.draw import NegativeDraws
from miner.train.parts.training_context import LABELS
from miner.train.replace import ReserveReplacement

if TYPE_CHECKING:
    from miner.train.connection import Connection
    from miner.train.parts.change import BatchTransform


def connect(trainer: Any, *changes: BatchTransform) -> Connection:
    """Connect a trainer with parts of Hardneg, before `trainer.train()`.

    trainer: a SentenceTransformerTrainer, SparseEncoderTrainer or CrossEncoderTrainer.
    changes: applied in this order to the rows of every training batch before they are tokenised; evaluation rows stay as they are.

    The loss of every batch is passed on to a batch sampler that learns from it. Checkpoints hold the state of both, and a resumed training
    goes on with it. Returns the callback that was added. ConfigError where the trainer and a part do not fit.
    """
    if not all(hasattr(trainer, name) for name in ("loss", "train_dataset", "get_train_dataloader", "add_callback")):
        raise ConfigError(f"connect wants a trainer of sentence-transformers, got {type(trainer).__name__}")
    from miner.train.connection import Connection

    if any(isinstance(callback, Connection) for callback in trainer.callback_handler.callbacks):
        raise ConfigError("this trainer is connected already: give all changes in one call of connect")
    if changes and trainer.args.dataloader_num_workers:
        raise ConfigError(f"changes count batches, so dataloader_num_workers has to be 0, got {trainer.args.dataloader_num_workers}")
    for change in changes:
        for names in _columns(trainer.train_dataset):
            _check(change, names)
    connection = Connection(trainer, changes)
    trainer.add_callback(connection)
    return connection


def _columns(dataset: Any) -> list[list[str]]:
    """The columns of a dataset, or of each of several."""
    names = getattr(dataset, "column_names", None) or []
    return [list(columns) for columns in names.values()] if isinstance(names, dict) else [list(names)]


def _check(change: Any, names: list[str]) -> None:
    """ConfigError where this change cannot work on rows with these columns."""
    if isinstance(change, type) or not callable(change):
        raise ConfigError(f"a change is an object such as WordDeletion(0.1), got {change!r}")
    name = type(change).__name__
    if missing := [column for column in getattr(change, "columns", ()) if column not in names]:
        raise ConfigError(f"{name} reads column {missing[0]}, and the training rows have {', '.join(names)}: rename columns")
    if isinstance(change, NegativeDraws | ReserveReplacement | Una) and (labels := [column for column in names if column in LABELS]):
        raise ConfigError(f"{name} brings negatives without labels, and the training rows have a column {labels[0]}: leave one of them out")

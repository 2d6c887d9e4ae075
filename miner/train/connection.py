"""The callback that connects parts with a trainer of sentence-transformers: see plain_script.connect."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from miner.errors import ConfigError
from miner.io.atomic import write_json
from miner.io.plain_files import read_json
from miner.train.augment import BatchRow
from miner.train.callbacks import TransformingCollator, load_states, with_state
from miner.train.teacher import teacher_collator

log = logging.getLogger("miner.train")
STATE = "hardneg_parts.json"
"""In every checkpoint: the state of changes and batch samplers."""


class Connection(TrainerCallback):  # type: ignore[misc]  # the base is untyped
    """Applies changes to training batches, and reports losses to the batch sampler.

    trainer: of sentence-transformers; its `get_train_dataloader` is replaced.
    changes: functions of (rows, number of the batch).
    """

    def __init__(self, trainer: Any, changes: Sequence[Any]) -> None:
        self._trainer, self._changes, self._batch = trainer, changes, 0
        self._samplers: list[Any] = []
        self._loader: Any = None
        self._new_loader = trainer.get_train_dataloader
        trainer.get_train_dataloader = self.loader
        self._add_teacher()
        self._losses = list(trainer.loss.values()) if isinstance(trainer.loss, dict) else [trainer.loss]
        for loss in self._losses:
            loss.register_forward_hook(self.after_loss)

    def _add_teacher(self) -> None:
        """Give a loss with a teacher its vectors, in training and evaluation batches."""
        trainer = self._trainer
        if not isinstance(trainer.loss, dict):
            if hasattr(trainer.loss, "teacher_vectors"):
                table = {name: list(trainer.train_dataset[name]) for name in trainer.train_dataset.column_names}
                trainer.data_collator = teacher_collator(trainer.data_collator, trainer.loss, table)
        elif taught := [loss for loss in trainer.loss.values() if hasattr(loss, "teacher_vectors")]:
            raise ConfigError(f"{type(taught[0]).__name__} looks up vectors of one dataset's texts: train on one dataset, with one loss")

    def loader(self) -> Any:
        """Return the trainer's loader of training batches, with the changes: that of evaluation batches has none."""
        inner, self._batch = self._trainer.data_collator, 0
        self._trainer.data_collator = TransformingCollator(inner, self._transform)
        try:
            self._loader = self._new_loader()
        finally:
            self._trainer.data_collator = inner
        sampler = getattr(self._loader, "batch_sampler", None)
        self._samplers = [part for part in (sampler, *getattr(sampler, "batch_samplers", ())) if hasattr(part, "record_loss")]
        for part in with_state(self._samplers):
            self._check(part, is_alone=part is sampler)
        return self._loader

    def _check(self, sampler: Any, *, is_alone: bool) -> None:
        name = type(sampler).__name__
        if not is_alone:
            raise ConfigError(
                f"{name} learns from the loss of every batch, and batches of several datasets alternate: train on one dataset"
            )
        if self._trainer.args.world_size > 1:
            raise ConfigError(f"{name} learns from the loss of every batch, and each process sees its own: train in one process")

    def after_loss(self, module: Any, inputs: Any, output: Any) -> None:
        """Forward hook of the loss: report it to the batch samplers. Losses of evaluation batches are none of theirs."""
        if self._samplers and self._trainer.model.training:
            parts = output.values() if isinstance(output, dict) else [output]
            value = float(torch.stack([part.detach() for part in parts]).sum())
            for sampler in self._samplers:
                sampler.record_loss(value)

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """On resume, go on with the number of the batch, the step of the loss, and the state of the parts."""
        if not state.global_step or self._loader is None:
            return
        accumulated, batches = args.gradient_accumulation_steps, len(self._loader)
        passes, steps = divmod(state.global_step, max(1, -(-batches // accumulated)))
        self._batch = passes * batches + steps * accumulated
        for loss in self._losses:
            if hasattr(loss, "step"):
                loss.step = self._batch
        for sampler in self._samplers:
            sampler.skip = steps * accumulated
        self._restore(_checkpoint(args, state) / STATE)

    def _restore(self, file: Path) -> None:
        if not with_state([*self._changes, *self._samplers]):
            return
        if not file.is_file():
            log.warning("%s is missing: batch samplers and changes start from scratch", file)
            return
        states = read_json(file)
        load_states(self._changes, states["changes"])
        load_states(self._samplers, states["samplers"])

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Complete the checkpoint."""
        parts = {"changes": with_state(self._changes), "samplers": with_state(self._samplers)}
        folder = _checkpoint(args, state)
        if state.is_world_process_zero and any(parts.values()) and folder.is_dir():
            write_json(folder / STATE, {name: [part.state() for part in some] for name, some in parts.items()})

    def _transform(self, rows: list[BatchRow]) -> list[BatchRow]:
        for change in self._changes:
            rows = change(rows, self._batch)
        self._batch += 1
        return rows


def _checkpoint(args: Any, state: Any) -> Path:
    return Path(args.output_dir) / f"checkpoint-{state.global_step}"

"""Callbacks of a training: progress, dev scores, warnings."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sentence_transformers.base.evaluation import BaseEvaluator
from transformers import TrainerCallback

from miner.errors import ModelError
from miner.train.augment import BatchRow
from miner.train.checkpoints import Checkpoint, Checkpoints
from miner.train.effects import PartEffect, change_effects, sampler_effects, without_trace
from miner.train.training_log import RowNumbers, RowsEvent, look_line, rows_event

looks = logging.getLogger("miner.train.looks")
"""One line for each look at the model; the command line shows it beside its bar."""

LOSS_EXPLOSION_RATIO, BASELINE_LOGS = 3.0, 5
"""Warn when the mean loss is 3 times the mean of the first 5 logged losses."""
MAX_DUPLICATE_SHARE = 0.05
"""Warn when more than this share of rows has its own positive as another row's passage in the batch."""
SMALL_BATCH_SHARE, MAX_SMALL_BATCHES_SHARE = 0.25, 0.1
"""Warn when more than 10 % of the batches have fewer than 25 % of the rows of a full batch."""


class DevScore(BaseEvaluator):  # type: ignore[misc]  # the base is untyped
    """The trainer's evaluator: one exact ranking on the dev set. `dev` is the measure that chooses, `dev_recall@10` another one.

    scores: function that returns each measure of a model, the one that chooses first.
    """

    def __init__(self, scores: Callable[[Any], Mapping[str, float]]) -> None:
        super().__init__()
        self.primary_metric, self._scores = "dev", scores

    def __call__(self, model: Any, output_path: str | None = None, epoch: float = -1, steps: int = -1) -> dict[str, float]:
        """Return the mean of each measure of the current model."""
        (_, score), *others = self._scores(model).items()
        return {"dev": score} | {f"dev_{name}": value for name, value in others}


class TrainingMonitor(TrainerCallback):  # type: ignore[misc]  # the base is untyped
    """Reports progress, completes checkpoints, and warns: of an exploding loss, of positives that are another row's passage in the batch.

    setting: the training's TrainingSetup.
    total: optimiser steps.
    checkpoints: where complete checkpoints are stored.
    checkpoint: the checkpoint to resume from, or None.
    transforms: changes to a batch, in order.

    measure_rows: function that scores the sample of training rows with the current model; row_looks: its results so far.
    effects: what the parts have done so far.
    """

    def __init__(
        self, setting: Any, total: int, checkpoints: Checkpoints, checkpoint: Checkpoint | None, transforms: Sequence[Any] = ()
    ) -> None:
        self._setting, self._total, self._checkpoints = setting, total, checkpoints
        self._checkpoint, self._transforms = checkpoint, transforms
        self.loss: Any = None
        self.samplers: list[Any] = []
        self._batch = self._trained = 0
        self._losses: list[float] = []
        self._sizes: list[int] = []
        self._duplicates: list[int] = []
        self._touched: list[list[int]] = [[] for _ in transforms]
        self.row_looks: list[RowsEvent] = []
        self.effects: list[PartEffect] = []
        self.measure_rows: Callable[[], RowNumbers | None] = lambda: None

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Report progress. Log before every save, so that a resumed training does not miss part of a mean loss."""
        control.should_log = control.should_log or control.should_save
        if self._setting.progress:
            self._setting.progress("train", state.global_step, self._total)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        """Record the mean loss of the last steps, and warn where it explodes."""
        if logs is None or "loss" not in logs:
            return
        self._losses.append(float(logs["loss"]))
        baseline = sum(self._losses[:BASELINE_LOGS]) / len(self._losses[:BASELINE_LOGS])
        if len(self._losses) > BASELINE_LOGS and self._losses[-1] > LOSS_EXPLOSION_RATIO * max(baseline, 1e-9):
            self._setting.warn(f"the loss rose to {self._losses[-1]:.3g} from {baseline:.3g} at first: the learning rate is too high")

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Warn of batches with duplicate positives, and of small ones."""
        rows, duplicates = sum(self._sizes[: self._trained]), sum(self._duplicates[: self._trained])
        if rows and duplicates > MAX_DUPLICATE_SHARE * rows:
            self._setting.warn(
                f"{duplicates / rows:.0%} of the rows met their own positive as another row's passage in their batch: "
                "use batch sampler no_duplicates"
            )
        if self._losses and not any(self._losses):
            self._setting.warn("the loss was 0 at every step: no negative scored near its positive, so the model learnt nothing")
        several_passes = self._trained > self._setting.batches
        for message in without_trace(self._setting.config, self.effects, several_passes=several_passes):
            self._setting.warn(message)
        if small_batches := self._small_batches(args.per_device_train_batch_size):
            self._setting.warn(f"{small_batches}: texts that come often leave them over at the end of a pass; drop_last goes without them")

    def _small_batches(self, size: int) -> str:
        """Describe how many of the trained batches were nearly empty, or return "". (The trainer collates a batch or two ahead.)"""
        sizes = self._sizes[: self._trained]
        small_count = sum(count < SMALL_BATCH_SHARE * size for count in sizes)
        is_common = len(self._setting.rows) >= size and small_count > MAX_SMALL_BATCHES_SHARE * len(sizes)
        return f"{small_count} of {len(sizes)} batches had less than {SMALL_BATCH_SHARE:.0%} of {size} rows" if is_common else ""

    def restore(self) -> None:
        """Restore the counts and warnings of the checkpoint to resume from."""
        if self._checkpoint is not None:
            parts = self._checkpoint.parts
            self._losses, self._sizes, self._duplicates = parts["losses"], parts["sizes"], parts["crowded"]
            self._batch = self._trained = len(self._sizes)
            self._touched = parts.get("touched") or [[0] * self._trained for _ in self._transforms]
            self.row_looks, self.effects = parts.get("row_looks", []), parts.get("effects", [])
            for message in parts["warnings"]:
                self._setting.warn(message)
            load_states(self._transforms, parts["changes"])

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """On resume, restore the state of batch samplers and of the loss."""
        if self._checkpoint is None:
            return
        self.restore()
        load_states(self.samplers, self._checkpoint.parts["samplers"])
        if hasattr(self.loss, "step"):
            self.loss.step = self._trained
        for sampler in self.samplers:
            passed = state.global_step % max(1, -(-len(sampler) // args.gradient_accumulation_steps))
            sampler.skip = passed * args.gradient_accumulation_steps
        if self._checkpoint.best is not None:
            state.best_model_checkpoint = str(self._checkpoints.at(self._checkpoint.best))

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Look at the training rows, and complete the checkpoint, with the counts, the warnings and the state of samplers and changes."""
        self._look(state)
        best = state.best_global_step if state.best_model_checkpoint else None
        parts = {
            "losses": self._losses,
            "sizes": self._sizes[: self._trained],
            "crowded": self._duplicates[: self._trained],
            "touched": [counts[: self._trained] for counts in self._touched],
            "row_looks": self.row_looks,
            "effects": self.effects,
            "warnings": self._setting.warnings,
            "changes": [part.state() for part in with_state(self._transforms)],
            "samplers": [part.state() for part in with_state(self.samplers)],
        }
        self._checkpoints.put(state.global_step, best=best, ended=control.should_training_stop, parts=parts)
        if best is not None:
            state.best_model_checkpoint = str(self._checkpoints.at(best))

    def _look(self, state: Any) -> None:
        """Measure the training rows, count what the parts have done, and log the look in one line."""
        if numbers := self.measure_rows():
            self.row_looks.append(rows_event(state.global_step, numbers))
        config, touched = self._setting.config, [counts[: self._trained] for counts in self._touched]
        self.effects = change_effects(config, touched, sum(self._sizes[: self._trained])) + sampler_effects(config, self.samplers)
        looks.info("%s", look_line(state.log_history, config.dev_measure))

    def after_loss(self, module: Any, inputs: Any, output: Any) -> None:
        """Forward hook of the loss: stop where it is not finite, and report it to the batch samplers."""
        value = float(output.detach())
        self._trained += 1
        if not math.isfinite(value):
            raise ModelError("the loss is no longer a number: lower the learning rate, or use float32")
        for sampler in self.samplers:
            sampler.record_loss(value)

    def collator(self, inner: Any) -> Any:
        """Return the trainer's collator, with the changes applied to each batch before tokenisation."""
        return TransformingCollator(inner, self._transform)

    def _transform(self, rows: list[BatchRow]) -> list[BatchRow]:
        for transform, touched in zip(self._transforms, self._touched, strict=True):
            before, rows = rows, transform(rows, self._batch)
            touched.append(sum(row != earlier for row, earlier in zip(rows, before, strict=True)))
        self._batch += 1
        counts: dict[str, int] = {}
        for row in rows:
            for text in {text for name, text in row.items() if name.startswith(("positive", "negative"))}:
                counts[text] = counts.get(text, 0) + 1
        self._sizes.append(len(rows))
        self._duplicates.append(sum(counts[row["positive"]] > 1 for row in rows if "positive" in row))
        return rows


def with_state(parts: Sequence[Any]) -> list[Any]:
    """Return the parts that have a state, which a checkpoint holds."""
    return [part for part in parts if hasattr(part, "state") and hasattr(part, "load")]


def load_states(parts: Sequence[Any], states: Sequence[Any]) -> None:
    """Restore the states of the parts that have one."""
    for part, state in zip(with_state(parts), states, strict=True):
        part.load(state)


class TransformingCollator:
    """A collator around another: it applies `transform` to the rows of a batch before they are tokenised."""

    def __init__(self, inner: Any, transform: Callable[[list[BatchRow]], list[BatchRow]]) -> None:
        self._inner, self._transform = inner, transform

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __call__(self, rows: list[BatchRow]) -> Any:
        """Collate the transformed rows."""
        return self._inner(self._transform(rows))

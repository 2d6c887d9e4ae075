"""One fit: run sentence-transformers' trainer with a TrainConfig, resume it after a kill, and save its best checkpoint."""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from miner.encode import Encoder
from miner.encode.staged_model import complete_code
from miner.errors import ConfigError
from miner.io.atomic import folder_part, write_json
from miner.io.folder_tree import remove
from miner.io.plain_files import read_json
from miner.train.checkpoints import STATE, Checkpoint, Checkpoints, writing
from miner.train.effects import PartEffect
from miner.train.looks import current_encode, dev_means, row_numbers
from miner.train.parts import TrainingContext
from miner.train.reporting import reporting
from miner.train.teacher import teacher_collator
from miner.train.training import FitContext
from miner.train.training_log import Event, RowNumbers, events, rows_event

MAX_SHARE_ABOVE = 0.3
"""Warn when more than 30 % of the sample of rows have a negative above the positive."""


class FitResult(TypedDict):
    """The result of a fit, as fit.json stores it beside the warnings; the fields are those of Fit."""

    score: float | None
    steps: int
    stopped_at: int
    history: list[tuple[int, float]]
    losses: list[tuple[int, float]]
    events: list[Event]
    effects: list[PartEffect]


class FirstLook(TypedDict):
    """The model before training, as first.json stores it: each measure on dev, and the sample of training rows."""

    dev: dict[str, float] | None
    rows: RowNumbers | None


@dataclass(frozen=True)
class Fit:
    """One finished fit.

    index: of the learning rate in the configuration.
    folder: of the saved model.
    score: best dev score, or None without dev data.
    steps: optimiser steps of the saved checkpoint.
    stopped_at: optimiser steps of the whole fit.
    history: (step, dev score).
    losses: (step, mean training loss).
    events: the log of the training.
    effects: what its parts have done.
    """

    index: int
    rate: float
    folder: Path
    score: float | None
    steps: int
    stopped_at: int
    history: list[tuple[int, float]]
    losses: list[tuple[int, float]]
    events: Sequence[Event] = ()
    effects: Sequence[PartEffect] = ()


def fit(setting: FitContext, encoder: Encoder, rate: float) -> Fit:
    """Train with one learning rate, from the last checkpoint where there is one; read a finished fit back."""
    index = setting.config.learning_rates.index(rate)
    work = setting.work / f"rate-{index}"
    result_file = work / "fit.json"
    if result_file.is_file():
        result = read_json(result_file)
        for message in result.pop("warnings"):
            setting.warn(message)
        return Fit(index, rate, work / "model", **result)
    model = copy.deepcopy(encoder.model)
    model.model_card_data.set_widget_examples = lambda dataset: None  # draws from Python's global random, and shows its own progress bar
    with writing(work):
        result = _fit(setting, model, encoder, rate, Checkpoints(work))
        remove(work / "model", ignore_errors=True)
        with folder_part(work / "model", "modules.json") as folder:
            model.save_pretrained(str(folder))
            complete_code(folder)
        if setting.continuation:
            setting.continuation.save(Checkpoints(work).at(result["stopped_at"]))
    write_json(result_file, {**result, "warnings": setting.warnings})
    for checkpoint in work.glob("checkpoint-*"):
        remove(checkpoint)
    return Fit(index, rate, work / "model", **result)


def _fit(setting: FitContext, model: Any, encoder: Encoder, rate: float, checkpoints: Checkpoints) -> FitResult:
    from transformers import TrainerState

    last = checkpoints.last()
    before = _before(setting, model, encoder, checkpoints.folder / "first.json")
    with _QuietLibraries(), reporting(setting.trackers, setting.logs / checkpoints.folder.name):
        trainer, monitor = _trainer(setting, model, encoder, rate, checkpoints, last)
        if last is not None and last.ended:  # killed after its last step: one more would be another model
            trainer.state = TrainerState.load_from_json(str(last.folder / STATE))
            best_folder = checkpoints.at(last.step if last.best is None else last.best)
            model.load_state_dict(_saved(model, best_folder).state_dict())
            monitor.restore()
            monitor.on_train_end(trainer.args, trainer.state, trainer.control)
        else:
            trainer.train(resume_from_checkpoint=str(last.folder) if last else None)
    if not trainer.state.global_step:
        raise ConfigError(
            f"no batch of {setting.config.train_batch_size} rows holds no text twice, and drop_last wants full ones: lower train_batch_size"
        )
    return _outcome(setting, trainer.state, before, monitor)


def _saved(model: Any, folder: Path) -> Any:
    """Load a checkpoint of this training, which holds the model's own code where it has some."""
    return type(model)(str(folder), device="cpu", trust_remote_code=model.trust_remote_code, local_files_only=True)


def _before(setting: FitContext, model: Any, encoder: Encoder, first: Path) -> FirstLook:
    """Return the look at the model before training; take it once, and warn where negatives score above positives."""
    if not first.is_file() or "rows" not in read_json(first):  # an earlier version stored one number of each
        rows = row_numbers(setting.rows, encoder.encode, setting.config.watch_rows)
        write_json(first, {"dev": dev_means(setting, encoder, model), "rows": rows})
    look: FirstLook = read_json(first)
    if setting.check_negatives and look["rows"] and look["rows"]["above"] > MAX_SHARE_ABOVE:
        share = f"in {look['rows']['above']:.0%} of the rows a negative scores above the positive"
        setting.warn(f"{share}: many of them are probably unlabelled positives; mine with a margin")
    return look


def _trainer(
    setting: FitContext, model: Any, encoder: Encoder, rate: float, checkpoints: Checkpoints, last: Checkpoint | None
) -> tuple[Any, Any]:
    """Build sentence-transformers' trainer, and its monitor."""
    from datasets import Dataset as Table
    from sentence_transformers import SentenceTransformerTrainer
    from transformers import EarlyStoppingCallback, PrinterCallback

    from miner.train.callbacks import DevScore, TrainingMonitor
    from miner.train.continued_trainer import continued

    config, total = setting.config, total_steps(setting)
    context = _context(setting, encoder, model)
    monitor = TrainingMonitor(setting, total, checkpoints, last, [change(context) for change in config.active_changes])
    dev = DevScore(lambda current: dev_means(setting, encoder, current) or {}) if setting.dev is not None else None
    stop: list[Any] = [EarlyStoppingCallback(config.patience)] if dev is not None and config.patience and not setting.continuation else []
    trainer_class = SentenceTransformerTrainer
    if setting.continuation:
        trainer_class, stop = continued(setting.continuation)
    with _QuietLibraries():
        loss = config.active_loss(model, config.seed)
        if hasattr(loss, "teacher_vectors"):
            loss.teacher_vectors.use_cache(setting.runtime.cache)
        trainer = trainer_class(
            model=model,
            args=_arguments(setting, encoder, rate, total, checkpoints.aside, context),
            train_dataset=Table.from_dict(dict(setting.rows.columns)),
            loss=loss,
            evaluator=dev,
            callbacks=[monitor, *stop],
        )
    trainer.remove_callback(PrinterCallback)
    trainer.data_collator = monitor.collator(teacher_collator(trainer.data_collator, loss, setting.rows.columns))
    monitor.loss, monitor.samplers = loss, context.samplers
    monitor.measure_rows = lambda: row_numbers(setting.rows, context.encode_current, config.watch_rows)
    loss.register_forward_hook(monitor.after_loss)
    return trainer, monitor


def _context(setting: FitContext, encoder: Encoder, model: Any) -> TrainingContext:
    """Give the parts the vectors of the model before training, and of the current model."""
    return TrainingContext(
        setting.rows,
        encoder.encode,
        current_encode(encoder, model),
        setting.config.seed,
        paraphrase=setting.paraphrase,
        one_pass=total_steps(setting) * setting.config.accumulate <= setting.batches,
        labels=setting.config.active_loss.labels,
    )


def total_steps(setting: FitContext) -> int:
    """Optimiser steps of the whole fit."""
    config = setting.config
    return config.steps or max(1, math.ceil(config.epochs * setting.batches / config.accumulate))


def _arguments(setting: FitContext, encoder: Encoder, rate: float, total: int, aside: Path, context: TrainingContext) -> Any:
    from sentence_transformers import SentenceTransformerTrainingArguments

    config, on_cpu = setting.config, str(encoder.model.device) == "cpu"
    eval_steps = min(total, config.eval_every or max(1, total // 10))
    has_dev = setting.dev is not None
    chooses = has_dev and setting.continuation is None  # a part passes on its last step
    prompts = {"anchor": encoder.prompts["query"], **dict.fromkeys(("positive", *setting.rows.negatives), encoder.prompts["passage"])}
    return SentenceTransformerTrainingArguments(
        output_dir=str(aside),
        max_steps=total,
        per_device_train_batch_size=config.train_batch_size,
        dataloader_drop_last=config.drop_last,
        gradient_accumulation_steps=config.accumulate,
        learning_rate=rate,
        warmup_steps=round(config.warmup * (setting.continuation.total if setting.continuation else total)),
        lr_scheduler_type="constant_with_warmup" if config.schedule == "constant" else config.schedule,
        weight_decay=config.weight_decay,
        bf16=config.precision == "bf16",
        fp16=config.precision == "fp16",
        seed=config.seed,
        data_seed=config.seed,
        batch_sampler=config.active_batches(context),
        prompts={column: prompt for column, prompt in prompts.items() if prompt} or None,
        save_strategy="steps",
        save_steps=eval_steps,
        restore_callback_states_from_checkpoint=True,
        logging_steps=max(1, total // 50),
        logging_first_step=True,
        report_to=list(setting.trackers) or "none",
        run_name=setting.logs.stem if setting.trackers else None,
        disable_tqdm=True,
        use_cpu=on_cpu,
        dataloader_pin_memory=not on_cpu,
        eval_strategy="steps" if has_dev else "no",
        eval_steps=eval_steps if has_dev else None,
        load_best_model_at_end=chooses,
        metric_for_best_model="eval_dev" if chooses else None,
    )


def _outcome(setting: FitContext, state: Any, before: FirstLook, monitor: Any) -> FitResult:
    """Read the result of a fit from the trainer's log and the monitor."""
    measure = setting.config.dev_measure
    rows = [*([rows_event(0, before["rows"])] if before["rows"] else []), *monitor.row_looks]
    log = events(state.log_history, setting.config.measures, before["dev"], rows)
    history = [(event["step"], event["measures"][measure]) for event in log if event["kind"] == "dev"]
    best_step = state.best_global_step if state.best_model_checkpoint else state.global_step
    scores = [value for step, value in history if step > 0]
    score = (scores[-1] if setting.continuation else max(scores)) if scores else None
    if score is not None and before["dev"] is not None and score <= (first := before["dev"][measure]):
        setting.warn(f"no checkpoint beats the model before training on dev ({score:.4f} against {first:.4f}): try another learning rate")
    return {
        "score": score,
        "steps": best_step,
        "stopped_at": state.global_step,
        "history": history,
        "losses": [(event["step"], event["loss"]) for event in log if event["kind"] == "loss"],
        "events": log,
        "effects": monitor.effects,
    }


class _QuietLibraries:
    """Silences the libraries' logs and progress bars; this package reports progress and warnings itself."""

    def __enter__(self) -> None:
        from transformers.utils import logging as transformers_logging

        self._names = ("transformers", "sentence_transformers", "accelerate")
        self._levels = [logging.getLogger(name).level for name in self._names]
        transformers_logging.disable_progress_bar()
        for name in self._names:
            logging.getLogger(name).setLevel(logging.ERROR)

    def __exit__(self, *_: object) -> None:
        for name, level in zip(self._names, self._levels, strict=True):
            logging.getLogger(name).setLevel(level)

"""Train a model: rows in, an ordinary sentence-transformers folder out, by sentence-transformers' own trainer.

    OUT/                    the model, with README.md (its card), training.json (settings, counts, every look, warnings, hashes), log.jsonl
                            (every event) and report.html (curves)
    OUT.checkpoints/        during the training, and after a kill: `resume` continues from it; removed when OUT is complete
        identity.json       config, rows and base model; written first and removed first
        rate-0/             the checkpoints of a learning rate, complete or absent

OUT is complete or absent; a model that is replaced stays until the new one is complete. On a CPU the same rows, config and threads give the
same weights, interrupted or not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from miner.config import Inputs, MiningConfig, Runtime
from miner.encode import Encoder, load_encoder
from miner.encode.model_kind import kind_of_model
from miner.errors import ConfigError
from miner.evaluation import EvaluateConfig, count
from miner.evaluation.compare import HISTORY
from miner.formats import TrainingRow, read_training
from miner.io.atomic import folder_part, resolve_link
from miner.io.folder_tree import copy
from miner.io.plain_files import read_json
from miner.read import read
from miner.runs.run import mine
from miner.train.config import TrainConfig
from miner.train.conflicts import check_model_fits, check_parts, without_effect
from miner.train.continuation import Continuation
from miner.train.lock import locked
from miner.train.output_folder import OutputFolder, checkpoints_of
from miner.train.reporting import check_trackers, logs_of
from miner.train.training_report import TrainingReport, training_report, write_report
from miner.train.training_rows import TrainingColumns, columns, pairs
from miner.types import Dataset, Progress

log = logging.getLogger(__name__)

STATIC_RATE, TRANSFORMER_RATE = 0.1, 2e-5


@dataclass(frozen=True)
class TrainingResult:
    """A trained model on disk. report: the content of training.json."""

    folder: Path
    report: TrainingReport

    @property
    def score(self) -> float | None:
        """The best dev score, None without dev data."""
        score: float | None = self.report.get("dev_score")
        return score


@dataclass
class FitContext:
    """The rows, settings and options of one fit.

    rows: the training rows.
    work: the folder of its checkpoints.
    dev: dataset that chooses the checkpoint, or None.
    paraphrase: the user's function for the change `paraphrase`.
    continuation: where this fit stands in a longer training; the model is then that of the last step.
    check_negatives: whether to warn where negatives score above positives before training.
    trackers: what the trainer reports to, beside our own log; their files go to `logs`.
    warnings: messages for training.json.
    """

    config: TrainConfig
    rows: TrainingColumns
    runtime: Runtime
    work: Path
    dev: Dataset | None = None
    progress: Progress | None = None
    paraphrase: Callable[[str], str] | None = None
    continuation: Continuation | None = None
    trackers: Sequence[str] = ()
    logs: Path = Path()
    check_negatives: bool = True
    warnings: list[str] = field(default_factory=list)

    @property
    def batches(self) -> int:
        """Batches of one pass."""
        whole, remainder = divmod(len(self.rows), self.config.train_batch_size)
        return whole if self.config.drop_last else whole + bool(remainder)

    def warn(self, message: str) -> None:
        """Log a warning once, and store it for training.json."""
        if message not in self.warnings:
            self.warnings.append(message)
            log.warning(message)


def train(
    data: str | Path | Dataset | Inputs | Iterable[TrainingRow],
    config: TrainConfig,
    *,
    out: str | Path,
    dev: Dataset | Inputs | None = None,
    mining: MiningConfig | None = None,
    model: Any = None,
    runtime: Runtime | Mapping[str, Any] | None = None,
    resume: bool | None = None,
    force: bool = False,
    paraphrase: Callable[[str], str] | None = None,
    continuation: Continuation | None = None,
    report_to: Sequence[str] = (),
    check_negatives: bool = True,
    on_progress: Progress | None = None,
) -> TrainingResult:
    """Train and save a model.

    data: a training file, a run folder or training rows; or Inputs or a Dataset, whose pairs are the rows.
    out: the model's folder.
    dev: dataset that chooses the checkpoint, and stops early.
    mining: with Inputs or a Dataset, how to mine negatives first.
    model: a SentenceTransformer or Encoder in memory.
    resume: True continues an interrupted training of the same settings, False removes it, None refuses where there is one.
    force: replaces an existing model, once the new one is complete.
    paraphrase: the user's function for the change and the variation `paraphrase`.
    continuation: where this training stands in a longer one, as a round of a loop with start=continue.
    check_negatives: whether to warn where many negatives score above their positives under the model before training; False where another
        model chose them for being its errors.
    report_to: tensorboard, wandb or trackio: the trainer reports to them too; their files go to OUT.logs.
    Raises ConfigError, InputError, ModelError, StorageError.
    """
    final, runtime = resolve_link(out), Runtime.of_argument(runtime)
    place = OutputFolder(final, checkpoints_of(final))
    place.check(resume=resume, force=force)
    trackers = check_trackers(report_to)
    check_parts(config, paraphrase)
    encoder = model if isinstance(model, Encoder) else load_encoder(config.encoding(), runtime, model, untrained=mining is None)
    check_model_fits(config, encoder)
    rates = config.learning_rates or (STATIC_RATE if encoder.static else TRANSFORMER_RATE,)
    if len(rates) > 1 and dev is None:
        raise ConfigError(f"{len(rates)} learning rates and nothing that chooses among them: give dev data, or one rate")
    config = config.model_copy(update={"learning_rates": rates})
    rows = columns(
        _rows(data, config, place.work, mining, encoder, runtime, on_progress, paraphrase),
        config.use_negatives,
        config.active_loss.labels,
        config.seed,
    )
    if config.drop_last and len(rows) < config.train_batch_size:
        raise ConfigError(f"drop_last leaves nothing of {len(rows)} rows in batches of {config.train_batch_size}: lower train_batch_size")
    dev_set = dev if isinstance(dev, Dataset) or dev is None else read(dev, None, config.min_grade, complete=True)
    setting = FitContext(
        config, rows, runtime, place.work, dev_set, on_progress, paraphrase, continuation, trackers, logs_of(final), check_negatives
    )
    with locked(place.work):
        if not place.begin(_identity(setting, encoder), resume=resume):
            return TrainingResult(final, read_json(final / HISTORY))
        return _train(setting, encoder, place)


def _train(setting: FitContext, encoder: Encoder, place: OutputFolder) -> TrainingResult:
    """Run one fit for each learning rate; save the best one on dev as the model."""
    from miner.train.fit import fit, total_steps

    _warn_about_model(setting, encoder)
    _warn_about_rows(setting)
    for message in without_effect(setting.config, encoder, setting.batches, total_steps(setting) * setting.config.accumulate):
        setting.warn(message)
    fits = [fit(setting, encoder, rate) for rate in setting.config.learning_rates]
    best = max(fits, key=lambda result: -1.0 if result.score is None else result.score)
    report = training_report(setting, encoder, fits, best.index, total_steps(setting))
    with folder_part(place.final, "modules.json") as folder:
        copy(best.folder, folder)
        write_report(folder, report, best.events)
    place.end()
    return TrainingResult(place.final, report)


def _identity(setting: FitContext, encoder: Encoder) -> dict[str, Any]:
    """Return the settings and hashes that a training has to share with the one it resumes."""
    dev = setting.dev
    return {
        "config": setting.config.model_dump(mode="json"),
        "rows": setting.rows.sha256,
        "model": encoder.describe()["content"],
        "dev": None if dev is None else {"queries": len(dev.queries), "passages": len(dev.corpus), "files": dict(dev.inputs)},
    }


def _rows(
    data: Any,
    config: TrainConfig,
    work: Path,
    mining: MiningConfig | None,
    encoder: Encoder,
    runtime: Runtime,
    progress: Progress | None,
    paraphrase: Callable[[str], str] | None,
) -> Iterable[TrainingRow]:
    """Return the training rows of any kind of data; mine them first where `mining` is set."""
    if isinstance(data, str | Path):
        return read_training(data)
    if not isinstance(data, Inputs | Dataset):
        rows: Iterable[TrainingRow] = data
        return rows
    if mining is None:
        return pairs(data if isinstance(data, Dataset) else read(data, None, config.min_grade))
    mining = mining.model_copy(update={name: getattr(config, name) for name in ("model", "query_prompt", "passage_prompt")})
    # Always called: `force` reuses the mined run where its settings are the same, and mines again where they differ.
    mine(data, mining, out=work / "mined", model=encoder, runtime=runtime, force=True, on_progress=progress, paraphrase=paraphrase)
    return read_training(work / "mined")


def _warn_about_model(setting: FitContext, encoder: Encoder) -> None:
    if not setting.config.pooling and (kind := kind_of_model(encoder.model)):
        mode = getattr(encoder.model[-1], "pooling_mode", "mean")
        setting.warn(
            f"the model is {kind}: the {mode} of its token vectors is trained, as sentence-transformers does (--pooling confirms it)"
        )


def _warn_about_rows(setting: FitContext) -> None:
    counts = setting.rows.counts
    if counts["rows_with_borrowed_negatives"]:
        setting.warn(f"{counts['rows_with_borrowed_negatives']} of {counts['rows']} rows have no negative and borrow random ones")
    if counts["rows_that_repeat_negatives"]:
        short = counts["rows_that_repeat_negatives"]
        setting.warn(f"{short} of {counts['rows']} rows have fewer than {counts['negatives']} negatives and repeat theirs")
    if setting.dev is not None:
        for note in count(setting.dev, EvaluateConfig.of().self_match).notes():
            setting.warn(f"dev: {note}")

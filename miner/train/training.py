"""Train a model: rows in, an ordinary sentence-transformers folder out, by sentence-transformers' own trainer.

    OUT/                    the model, with README.md (its card) and training.json (config, counts, dev scores by step, warnings)
    OUT.checkpoints/        while it runs, and after a kill: what `resume` goes on from; gone when OUT is there
        identity.json       what is trained on what; the first to come and the first to go
        rate-0/             the checkpoints of a learning rate, whole or not there

OUT is complete or absent; one that is replaced stays until the new one is complete. On a CPU the same rows, config and threads give the
same weights, interrupted or not.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from miner.config import Inputs, MiningConfig, Runtime
from miner.encode import Encoder, load_encoder
from miner.encode.model_kind import loaded
from miner.errors import ConfigError
from miner.evaluation import EvaluateConfig, count
from miner.evaluation.compare import HISTORY
from miner.formats import TrainingRow, read_training
from miner.io.atomic import folder_part, followed, storing, write_json
from miner.read import read
from miner.runs.run import mine
from miner.train.config import TrainConfig
from miner.train.conflicts import check_model_fits, check_parts, without_effect
from miner.train.lock import locked
from miner.train.output_folder import Place, checkpoints_of
from miner.train.training_rows import Columns, columns, pairs
from miner.types import Dataset, Progress

log = logging.getLogger(__name__)

STATIC_RATE, TRANSFORMER_RATE = 0.1, 2e-5


@dataclass(frozen=True)
class Trained:
    """A trained model on disk. told: what training.json says."""

    folder: Path
    told: dict[str, Any]

    @property
    def score(self) -> float | None:
        """The best dev score, None where there was no dev."""
        found: float | None = self.told.get("dev_score")
        return found


@dataclass
class Setting:
    """What one fit needs. paraphrase: the user's own function for the augmentation of that name."""

    config: TrainConfig
    rows: Columns
    runtime: Runtime
    work: Path
    dev: Dataset | None = None
    progress: Progress | None = None
    paraphrase: Callable[[str], str] | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def batches(self) -> int:
        """Batches of one pass."""
        whole, rest = divmod(len(self.rows), self.config.train_batch_size)
        return whole if self.config.drop_last else whole + bool(rest)

    def warn(self, message: str) -> None:
        """Say it once, and keep it for training.json."""
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
    runtime: Runtime | None = None,
    resume: bool | None = None,
    force: bool = False,
    paraphrase: Callable[[str], str] | None = None,
    on_progress: Progress | None = None,
) -> Trained:
    """Train and save.

    data: a training file or run folder; or Inputs or a Dataset, whose pairs are trained on alone, or with negatives mined first where
    `mining` says how. dev: chooses the checkpoint, and stops early. model: a SentenceTransformer or Encoder in memory.
    resume: True goes on with an interrupted training of the same, False removes it, None refuses where there is one.
    force: replaces a model that is there, once the new one is complete. Raises ConfigError, InputError, ModelError, StorageError.
    """
    final, runtime = followed(out), runtime or Runtime.of()
    place = Place(final, checkpoints_of(final))
    place.check(resume=resume, force=force)
    check_parts(config, paraphrase)
    encoder = model if isinstance(model, Encoder) else load_encoder(config.encoding(), runtime, model, untrained=mining is None)
    check_model_fits(config, encoder)
    rates = config.learning_rates or (STATIC_RATE if encoder.static else TRANSFORMER_RATE,)
    if len(rates) > 1 and dev is None:
        raise ConfigError(f"{len(rates)} learning rates and nothing that chooses among them: give dev data, or one rate")
    config = config.model_copy(update={"learning_rates": rates})
    rows = columns(
        _rows(data, config, place.work, mining, encoder, runtime, on_progress),
        config.use_negatives,
        config.active_loss.labels,
        config.seed,
    )
    if config.drop_last and len(rows) < config.train_batch_size:
        raise ConfigError(f"drop_last leaves nothing of {len(rows)} rows in batches of {config.train_batch_size}: lower train_batch_size")
    judged = dev if isinstance(dev, Dataset) or dev is None else read(dev, None, config.min_grade, complete=True)
    setting = Setting(config, rows, runtime, place.work, judged, on_progress, paraphrase)
    with locked(place.work):
        if not place.begin(_identity(setting, encoder), resume=resume):
            return Trained(final, orjson.loads((final / HISTORY).read_bytes()))
        return _train(setting, encoder, place)


def _train(setting: Setting, encoder: Encoder, place: Place) -> Trained:
    """One fit for each learning rate; the best one on dev becomes the model."""
    from miner.train.fit import fit, total_steps

    _warn_about_model(setting, encoder)
    _warn_about_rows(setting)
    for message in without_effect(setting.config, encoder, setting.batches, total_steps(setting) * setting.config.accumulate):
        setting.warn(message)
    fits = [fit(setting, encoder, rate) for rate in setting.config.learning_rates]
    best = max(fits, key=lambda one: -1.0 if one.score is None else one.score)
    told = _told(setting, encoder, fits, best.place)
    with folder_part(place.final, "modules.json") as folder:
        shutil.copytree(best.folder, folder, dirs_exist_ok=True)
        _card(folder / "README.md", told)
        write_json(folder / HISTORY, told)
    place.end()
    return Trained(place.final, told)


def _identity(setting: Setting, encoder: Encoder) -> dict[str, Any]:
    """What makes a training the same one."""
    dev = setting.dev
    return {
        "config": setting.config.model_dump(mode="json"),
        "rows": setting.rows.sha256,
        "model": encoder.describe()["content"],
        "dev": None if dev is None else {"queries": len(dev.queries), "passages": len(dev.corpus), "files": dict(dev.inputs)},
    }


def _rows(
    data: Any, config: TrainConfig, work: Path, mining: MiningConfig | None, encoder: Encoder, runtime: Runtime, progress: Progress | None
) -> Iterable[TrainingRow]:
    """The training rows of whatever was given."""
    if isinstance(data, str | Path):
        return read_training(data)
    if not isinstance(data, Inputs | Dataset):
        given: Iterable[TrainingRow] = data
        return given
    if mining is None:
        return pairs(data if isinstance(data, Dataset) else read(data, None, config.min_grade))
    mining = mining.model_copy(update={name: getattr(config, name) for name in ("model", "query_prompt", "passage_prompt")})
    # Anew each time: `force` takes over what was mined before where it is the same, and nothing where it is not.
    mine(data, mining, out=work / "mined", model=encoder, runtime=runtime, force=True, on_progress=progress)
    return read_training(work / "mined")


def _warn_about_model(setting: Setting, encoder: Encoder) -> None:
    if not setting.config.pooling and (what := loaded(encoder.model)):
        mode = getattr(encoder.model[-1], "pooling_mode", "mean")
        setting.warn(
            f"the model is {what}: the {mode} of its token vectors is trained, as sentence-transformers does (--pooling says it is meant)"
        )


def _warn_about_rows(setting: Setting) -> None:
    counts = setting.rows.counts
    if counts["rows_with_borrowed_negatives"]:
        setting.warn(f"{counts['rows_with_borrowed_negatives']} of {counts['rows']} rows have no negative and borrow random ones")
    if counts["rows_that_repeat_negatives"]:
        few = counts["rows_that_repeat_negatives"]
        setting.warn(f"{few} of {counts['rows']} rows have fewer than {counts['negatives']} negatives and repeat theirs")
    if setting.dev is not None:
        for note in count(setting.dev, EvaluateConfig.of().self_match).notes():
            setting.warn(f"dev: {note}")


def _told(setting: Setting, encoder: Encoder, fits: Sequence[Any], chosen: int) -> dict[str, Any]:
    best = fits[chosen]
    return {
        "config": setting.config.model_dump(mode="json"),
        "base_model": encoder.describe(),
        "rows": {**setting.rows.counts, "sha256": setting.rows.sha256},
        "dev": None if setting.dev is None else count(setting.dev, EvaluateConfig.of().self_match).describe(),
        "dev_measure": setting.config.dev_measure,
        "dev_score": best.score,
        "history": best.history,
        "learning_rate": best.rate,
        "steps": best.steps,
        "stopped_at": best.stopped_at,
        "loss": best.losses,
        "rates": [{"learning_rate": one.rate, "dev_score": one.score, "steps": one.steps} for one in fits],
        "warnings": setting.warnings,
    }


def _card(path: Path, told: dict[str, Any]) -> None:
    """A section for the model card that sentence-transformers wrote."""
    config, rows, base = told["config"], told["rows"], told["base_model"]
    lines = [
        f"""
## How this model was made

Trained by Hardneg from `{base["name"]}` (content `{base["content"][:16]}`),
on {rows["rows"]:,} rows with {rows["negatives"]} negatives each (sha256 `{rows["sha256"][:16]}`).
Loss `{config["loss"]}`, batches `{config["batch_sampler"]}` of {config["train_batch_size"]}, {told["steps"]:,} steps,
learning rate {told["learning_rate"]:g}, seed {config["seed"]}.
"""
    ]
    if told["history"]:
        lines += [
            f"\n| step | dev {told['dev_measure']} |\n| ---: | ---: |\n",
            *(f"| {step:,} | {score:.4f} |\n" for step, score in told["history"]),
        ]
    lines += [f"\nWarning: {text}.\n" for text in told["warnings"]]
    with storing(path):
        path.write_text((path.read_text(encoding="utf-8") if path.is_file() else "") + "".join(lines), encoding="utf-8")

"""Settings of a training that conflict: an error before any work, or a warning where a setting has no effect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from miner.config.registry import Spec
from miner.encode import Encoder
from miner.errors import ConfigError
from miner.train.config import TrainConfig
from miner.train.parts.batch_sampler import HighLossBatches

NEW_NEGATIVES = ("draw", "replace", "una")
"""Changes that bring negatives into a row."""


def check_parts(config: TrainConfig, paraphrase: Callable[[str], str] | None, negatives: int | None = None) -> None:
    """Raise ConfigError for settings that no model can be trained with.

    paraphrase: the user's function, or None.
    negatives: negatives per row, where that is known before the rows are read.
    """
    names = [Spec.parse(text).name for text in config.changes]
    if "paraphrase" in names and paraphrase is None:
        raise ConfigError("change 'paraphrase' needs your function: train(..., paraphrase=function), in Python")
    has_no_reserve = config.use_negatives is None or (negatives is not None and config.use_negatives >= negatives)
    if "replace" in names and has_no_reserve:
        raise ConfigError("change 'replace' takes negatives from a reserve: set use_negatives below what the rows have")
    if "draw" in names and config.use_negatives is None:
        raise ConfigError("change 'draw' draws among more negatives than a batch takes of a row: set use_negatives")
    if config.active_loss.labels != "none" and (new := [name for name in names if name in NEW_NEGATIVES]):
        loss = Spec.parse(config.loss).name
        raise ConfigError(f"change '{new[0]}' gives no labels, and loss '{loss}' needs one of each negative: leave it out")
    sampler = config.active_batches
    if isinstance(sampler, HighLossBatches) and sampler.first == "measure" and config.active_loss.labels != "none":
        name = Spec.parse(config.loss).name
        raise ConfigError(f"high_loss:first=measure measures a contrastive loss, and loss '{name}' has another unit: write first=train")
    loss_part: Any = config.active_loss
    guide = getattr(loss_part, "guide", "") or getattr(loss_part, "teacher", "")
    if isinstance(guide, str) and guide:
        from miner.encode.model_checks import check_model

        check_model(guide, allow_code=None)


def depends_on_model(config: TrainConfig) -> bool:
    """Return whether `check_model_fits` can raise for these settings."""
    return config.active_loss.tokens or config.precision == "fp16"


def check_model_fits(config: TrainConfig, encoder: Encoder) -> None:
    """Raise ConfigError where this model cannot be trained with these settings."""
    if config.active_loss.tokens and encoder.static:
        name = Spec.parse(config.loss).name
        instead = "guided" if name == "gist" else "in_batch"
        raise ConfigError(f"loss '{name}' works on each text's token ids, which a static model does not have: take {instead}")
    if config.precision == "fp16" and str(encoder.model.device) == "cpu":
        raise ConfigError("precision fp16 needs a GPU; on a processor use float32 or bf16")


def without_effect(config: TrainConfig, encoder: Encoder, batches_per_pass: int, total_batches: int) -> Iterator[str]:
    """Yield a sentence for each setting without effect.

    batches_per_pass: number of batches in one pass.
    total_batches: number of batches in the whole training.
    """
    passes = f"the {total_batches:,} batches of this training are no more than one pass of {batches_per_pass:,}: take more epochs or steps"
    sampler, one_pass = config.active_batches, total_batches <= batches_per_pass
    if isinstance(sampler, HighLossBatches):
        if one_pass and not sampler.measures(one_pass, config.active_loss.labels):
            yield f"batch sampler 'high_loss' chooses from the second pass on and has no effect, because {passes}"
        elif sampler.delta == 1:
            yield "batch sampler 'high_loss' leaves no batch out with delta=1: lower delta"
    yield from _changes_without_effect(config, encoder, passes if one_pass else "")
    loss: Any = config.active_loss
    if getattr(loss, "warmup", 0) >= total_batches:
        mixing = f"loss '{Spec.parse(config.loss).name}' mixes no negatives"
        yield f"{mixing}: its warmup of {loss.warmup:,} batches is no less than all {total_batches:,}; lower warmup, or take more steps"


def _changes_without_effect(config: TrainConfig, encoder: Encoder, passes: str) -> Iterator[str]:
    """Yield the sentences on changes. passes: why the training is one pass and what to do; "" where there are several."""
    for text, change in zip(config.changes, config.active_changes, strict=True):
        name = Spec.parse(text).name
        if name == "replace" and passes:
            yield f"change 'replace' compares a row's scores of two passes and has no effect, because {passes}"
        if name == "reorder" and encoder.static:
            yield "change 'reorder' has no effect: a static model does not see the order of words; take delete, or a transformer"
        if getattr(change, "share", 1) == 0:
            yield f"change '{name}' has no effect with share=0: raise share"

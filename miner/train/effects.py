"""What the parts of a training have done: how many trained rows a change touched, how many batches or rows a batch sampler moved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypedDict

from miner.config.registry import Spec
from miner.train.config import TrainConfig


class PartEffect(TypedDict):
    """One effect of a part. part: its kind and name; effect: what is counted; count of `of`."""

    part: str
    effect: str
    count: int
    of: int


def change_effects(config: TrainConfig, rows_by_batch: Sequence[Sequence[int]], rows: int) -> list[PartEffect]:
    """Return how many rows each change touched.

    rows_by_batch: for each change, the rows that it touched in every trained batch.
    rows: rows of all trained batches.
    """
    effects: list[PartEffect] = []
    for text, change, counts in zip(config.changes, config.active_changes, rows_by_batch, strict=True):
        effects.append({"part": f"change '{Spec.parse(text).name}'", "effect": change.effect, "count": sum(counts), "of": rows})
    return effects


def sampler_effects(config: TrainConfig, samplers: Iterable[Any]) -> list[PartEffect]:
    """Return what each batch sampler that counts has done. samplers: objects with a method `effects`: (what, count, of)."""
    name = f"batch sampler '{Spec.parse(config.batch_sampler).name}'"
    return [{"part": name, "effect": effect, "count": count, "of": of} for sampler in samplers for effect, count, of in _counted(sampler)]


def _counted(sampler: Any) -> Iterator[tuple[str, int, int]]:
    if hasattr(sampler, "effects"):
        yield from sampler.effects()


def without_trace(config: TrainConfig, effects: Iterable[PartEffect], *, several_passes: bool) -> Iterator[str]:
    """Yield a sentence for each change that touched no row, where settings alone do not say so beforehand (see `without_effect`)."""
    counts = {effect["part"]: effect for effect in effects if effect["of"] and not effect["count"]}
    for text, change in zip(config.changes, config.active_changes, strict=True):
        name = Spec.parse(text).name
        if f"change '{name}'" not in counts or (name != "replace" and not getattr(change, "share", 0)):
            continue  # a share of 0 is said beforehand, and rows without a reserve have nothing to draw
        if name == "replace":
            if several_passes:
                yield "change 'replace' replaced no negative: none became easy by its drop and score; lower drop, or raise score"
            continue
        rows = counts[f"change '{name}'"]["of"]
        yield f"change '{name}' touched none of {rows:,} trained rows: raise its share, or leave it out"

"""The base of the batch samplers: batches of row numbers, drawn for each pass from (seed, pass)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Self

from sentence_transformers.base.sampler import DefaultBatchSampler

from miner.support.noise import generator


class RowBatches(DefaultBatchSampler):  # type: ignore[misc]  # the base is untyped
    """A batch sampler over n rows; a subclass defines the batches of a pass."""

    def __init__(self, dataset: Any, batch_size: int, drop_last: bool, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(dataset, batch_size, drop_last, seed=seed, **kwargs)
        self.rows = len(dataset)

    @classmethod
    def of(cls, *, samplers: list[Any] | None = None, **knobs: Any) -> Callable[..., Self]:
        """Return a factory for a trainer's `batch_sampler`. samplers: a list to which the sampler is appended, to report losses to it."""
        return partial(_make, cls, samplers, knobs)

    def record_loss(self, loss: float) -> None:
        """Called with the loss of every trained batch; most batch samplers do not learn from it."""

    def batches(self, draw: Any) -> list[list[int]]:
        """The batches of this pass; `draw` is a numpy generator of (seed, epoch)."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[list[int]]:
        yield from self.batches(generator(self.seed, type(self).__name__, self.epoch))

    def __len__(self) -> int:
        count: int = self.rows // self.batch_size if self.drop_last else -(-self.rows // self.batch_size)
        return count

    def cut(self, order: Any) -> list[list[int]]:
        """Cut an order of rows into batches."""
        pieces = [[int(row) for row in order[start : start + self.batch_size]] for start in range(0, len(order), self.batch_size)]
        return pieces[: len(self)]


def _make(kind: type[Any], samplers: list[Any] | None, knobs: Mapping[str, object], dataset: Any, **arguments: Any) -> Any:
    sampler = kind(dataset, **arguments, **knobs)
    if samplers is not None:
        samplers.append(sampler)
    return sampler

"""Batch samplers by name: which rows come together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

from miner.errors import ConfigError
from miner.train.hardness import batch_losses, margins, row_losses
from miner.train.parts.knobs import SHARE, Knobs, Range
from miner.train.parts.training_context import TrainingContext


class Batches(Protocol):
    """A batch sampler by name."""

    def __call__(self, context: TrainingContext) -> Any:
        """Return the trainer's `batch_sampler`; a sampler that learns from losses is appended to `context.samplers`."""
        ...


@dataclass(frozen=True)
class Shuffle(Knobs):
    """Rows in random order, cut into batches."""

    part: ClassVar[str] = "batch sampler 'shuffle'"
    ranges: ClassVar[Mapping[str, Range]] = {}

    def __call__(self, context: TrainingContext) -> Any:
        """Sentence-transformers' own."""
        return "batch_sampler"


@dataclass(frozen=True)
class NoDuplicates(Knobs):
    """Random order, but no text twice in a batch: no passage is one row's positive and another's negative."""

    part: ClassVar[str] = "batch sampler 'no_duplicates'"
    ranges: ClassVar[Mapping[str, Range]] = {}

    def __call__(self, context: TrainingContext) -> Any:
        """Sentence-transformers' own."""
        return "no_duplicates"


@dataclass(frozen=True)
class Topics(Knobs):
    """Every batch from one topic, easy and hard margins in turn (TAS-B, arXiv 2104.06967). topics 0: rows / (4 × batch)."""

    topics: int = 0
    balanced: bool = True
    bins: int = 10
    part: ClassVar[str] = "batch sampler 'topics'"
    ranges: ClassVar[Mapping[str, Range]] = {"topics": Range(0, 1_000_000), "bins": Range(1, 1000)}

    def __call__(self, context: TrainingContext) -> Any:
        """Clusters are made once, with the model before training."""
        from miner.train.batches import TopicBatches

        vectors = context.encode_base(context.rows.columns["anchor"], "query")
        row_margins = margins(context.rows, context.encode_base) if self.balanced else None
        return TopicBatches.of(vectors=vectors, topics=self.topics or None, margins=row_margins, bins=self.bins)


@dataclass(frozen=True)
class HighLossBatches(Knobs):
    """Fixed batches; after the first pass only the `delta` share with the highest last loss (arXiv 2304.03486).

    first: what the first pass does. train: all batches, as in the paper. measure: the contrastive loss of every batch is measured with the
    model before training, and the first pass chooses too. auto: measure where the training is one pass or less, else train.
    """

    delta: float = 0.5
    decay: float = 0.0
    first: Literal["auto", "train", "measure"] = "auto"
    part: ClassVar[str] = "batch sampler 'high_loss'"
    ranges: ClassVar[Mapping[str, Range]] = {"delta": Range(0, 1, above=True), "decay": SHARE}

    def __call__(self, context: TrainingContext) -> Any:
        """Learns from the loss of every batch."""
        from miner.train.batches import HighLoss

        first_losses = BatchLosses(context) if self.measures(context.one_pass, context.labels) else None
        return HighLoss.of(samplers=context.samplers, delta=self.delta, decay=self.decay, first_losses=first_losses)

    def measures(self, one_pass: bool, labels: str) -> bool:
        """Return whether the batches are measured before the first pass. labels: what the loss needs beside texts."""
        return self.first == "measure" or (self.first == "auto" and one_pass and labels == "none")


@dataclass(frozen=True)
class HardExampleBatches(Knobs):
    """Before each pass rows are scored; the hardest `share` comes `times` times, the `guard` share above them not at all.

    topics > 0: queries are clustered once with the model before training, and rows of topics smaller than the mean come `times` times too.
    """

    share: float = 0.3
    times: int = 2
    guard: float = 0.02
    topics: int = 0
    part: ClassVar[str] = "batch sampler 'hard_examples'"
    ranges: ClassVar[Mapping[str, Range]] = {
        "share": SHARE,
        "times": Range(1, 100),
        "guard": Range(0, 1, under=True),
        "topics": Range(0, 1_000_000),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.topics == 1:
            raise ConfigError(f"batch sampler 'hard_examples' wants two topics or more, or topics=0 for none, got topics={self.topics}")

    def __call__(self, context: TrainingContext) -> Any:
        """Losses are measured with the current model, before each pass."""
        from miner.train.batches import HardExamples
        from miner.train.batches.topics import clusters

        groups = (
            clusters(context.encode_base(context.rows.columns["anchor"], "query"), self.topics, context.seed)[0] if self.topics else None
        )
        return HardExamples.of(
            samplers=context.samplers, losses=RowLosses(context), share=self.share, times=self.times, guard=self.guard, groups=groups
        )


class _FromContext:
    """A function of a training's rows and model.

    A trainer pickles its arguments beside every checkpoint, and nothing reads them: the training's rows and model are not pickled.
    """

    def __init__(self, context: TrainingContext | None) -> None:
        self._context = context

    @property
    def context(self) -> TrainingContext:
        """ConfigError where it was pickled."""
        if self._context is None:
            raise ConfigError("a batch sampler taken out of a checkpoint's training_args.bin knows no rows: begin a training instead")
        return self._context

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (None,)


class RowLosses(_FromContext):
    """The losses of a training's rows under the current model."""

    def __call__(self) -> Any:
        """Shape (rows,)."""
        return row_losses(self.context.rows, self.context.encode_current)


class BatchLosses(_FromContext):
    """The losses of batches under the model before training."""

    def __call__(self, batches: Sequence[Sequence[int]]) -> Any:
        """Shape (batches,)."""
        return batch_losses(self.context.rows, self.context.encode_base, batches)


BATCH_SAMPLERS: dict[str, type[Batches]] = {
    "no_duplicates": NoDuplicates,
    "shuffle": Shuffle,
    "topics": Topics,
    "high_loss": HighLossBatches,
    "hard_examples": HardExampleBatches,
}

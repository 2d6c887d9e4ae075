"""Changes to a batch by name: augmentations, synthetic negatives, negatives that are replaced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import ClassVar, Literal, Protocol

from miner.errors import ConfigError
from miner.train import augment
from miner.train.draw import NegativeDraws
from miner.train.parts.knobs import COSINE, COUNT, LESS_THAN_ALL, SHARE, Knobs, Range
from miner.train.parts.training_context import TrainingContext
from miner.train.replace import ReserveReplacement

BatchTransform = Callable[[list[augment.BatchRow], int], list[augment.BatchRow]]
"""Rows of a batch and its number → rows."""


class Change(Protocol):
    """Something that changes the rows of a batch before they are tokenised. effect: the words for rows that it changed."""

    effect: ClassVar[str]

    def __call__(self, context: TrainingContext) -> BatchTransform:
        """The function of (rows, number of the batch)."""
        ...


TargetTexts = Literal["query", "positive", "both"]
COLUMNS: dict[str, tuple[str, ...]] = {"query": ("anchor",), "positive": ("positive",), "both": ("anchor", "positive")}


@dataclass(frozen=True)
class Delete(Knobs):
    """Words of the query (or positive) left out."""

    share: float = 0.1
    of: TargetTexts = "query"
    effect: ClassVar[str] = "rows with words deleted"
    part: ClassVar[str] = "change 'delete'"
    ranges: ClassVar[Mapping[str, Range]] = {"share": LESS_THAN_ALL}

    def __call__(self, context: TrainingContext) -> BatchTransform:
        """See augment.WordDeletion."""
        return augment.WordDeletion(self.share, COLUMNS[self.of], context.seed)


@dataclass(frozen=True)
class Reorder(Knobs):
    """Neighbouring words swapped."""

    share: float = 0.1
    of: TargetTexts = "query"
    effect: ClassVar[str] = "rows with words swapped"
    part: ClassVar[str] = "change 'reorder'"
    ranges: ClassVar[Mapping[str, Range]] = {"share": SHARE}

    def __call__(self, context: TrainingContext) -> BatchTransform:
        """See augment.WordSwaps."""
        return augment.WordSwaps(self.share, COLUMNS[self.of], context.seed)


@dataclass(frozen=True)
class Paraphrase(Knobs):
    """The user's own function, in Python only: train(..., paraphrase=function)."""

    share: float = 0.5
    of: TargetTexts = "query"
    effect: ClassVar[str] = "rows with a paraphrase"
    part: ClassVar[str] = "change 'paraphrase'"
    ranges: ClassVar[Mapping[str, Range]] = {"share": SHARE}

    def __call__(self, context: TrainingContext) -> BatchTransform:
        """See augment.Paraphrasing."""
        if context.paraphrase is None:
            raise ConfigError("change 'paraphrase' needs your function: train(..., paraphrase=function), in Python")
        return augment.Paraphrasing(context.paraphrase, self.share, COLUMNS[self.of], context.seed)


@dataclass(frozen=True)
class TfIdfNegative(Knobs):
    """Now and then one more negative: the positive with its weightiest words replaced (UNA, arXiv 2401.02594)."""

    every: int = 5
    strength: float = 0.5
    near: int = 4000
    effect: ClassVar[str] = "rows with one more negative"
    part: ClassVar[str] = "change 'una'"
    ranges: ClassVar[Mapping[str, Range]] = {"every": COUNT, "strength": SHARE, "near": Range(2, 1_000_000_000)}

    def __call__(self, context: TrainingContext) -> BatchTransform:
        """Word statistics are those of the positives."""
        return augment.Una(context.rows.columns["positive"], **asdict(self), seed=context.seed)


@dataclass(frozen=True)
class ReplaceEasy(Knobs):
    """Negatives that became easy give way to the row's next ones, beyond use_negatives (Conan, arXiv 2408.15710)."""

    drop: float = 0.15
    score: float = 0.8
    every: int = 10
    effect: ClassVar[str] = "rows with a replaced negative"
    part: ClassVar[str] = "change 'replace'"
    ranges: ClassVar[Mapping[str, Range]] = {"drop": Range(0, 2), "score": COSINE, "every": COUNT}

    def __call__(self, context: TrainingContext) -> BatchTransform:
        """Negatives are scored with the current model."""
        if not context.rows.reserve:
            raise ConfigError("change 'replace' takes negatives from a reserve: set use_negatives below what the rows have")
        return ReserveReplacement(context.rows.reserve, context.encode_current, **asdict(self))


@dataclass(frozen=True)
class DrawNegatives(Knobs):
    """Each batch draws its use_negatives among all that a row has, as FlagEmbedding and Tevatron do."""

    effect: ClassVar[str] = "rows with other negatives than their first ones"
    part: ClassVar[str] = "change 'draw'"
    ranges: ClassVar[Mapping[str, Range]] = {}

    def __call__(self, context: TrainingContext) -> BatchTransform:
        """Rows without a reserve keep their negatives."""
        return NegativeDraws(context.rows.reserve, context.seed)


CHANGES: dict[str, type[Change]] = {
    "delete": Delete,
    "reorder": Reorder,
    "paraphrase": Paraphrase,
    "una": TfIdfNegative,
    "replace": ReplaceEasy,
    "draw": DrawNegatives,
}

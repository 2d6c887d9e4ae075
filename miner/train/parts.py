"""The tables: losses, batch samplers, changes to a batch by name. A part is a frozen dataclass of knobs; calling it builds the real thing.

Nothing here imports torch before a part is called. The classes behind the parts work in a plain sentence-transformers script too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal, Protocol

from miner.errors import ConfigError
from miner.train import augment
from miner.train.hardness import Encode, margins, row_losses
from miner.train.replace import Replaced
from miner.train.rows import Columns


class Loss(Protocol):
    """A loss by name. labels: what its rows need beside texts: nothing, margins, or the scores of all passages."""

    labels: ClassVar[Literal["none", "margins", "scores"]]

    def __call__(self, model: Any, seed: int) -> Any:
        """The torch module; its forward takes (features of each column, labels)."""
        ...


@dataclass(frozen=True)
class InBatch:
    """-log of the positive's share among all passages of the batch (InfoNCE): MultipleNegativesRankingLoss.

    strength > 0 adds strength × cosine to the logits of `hardness` negatives (arXiv 2503.04812 uses 9 in the batch, EmbeddingGemma 5 for
    mined ones).
    """

    scale: float = 20.0
    hardness: Literal["in_batch_negatives", "hard_negatives", "all_negatives"] = "in_batch_negatives"
    strength: float = 0.0
    labels: ClassVar[Literal["none", "margins", "scores"]] = "none"

    def __call__(self, model: Any, seed: int) -> Any:
        """The torch module."""
        from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

        if not self.strength:
            return MultipleNegativesRankingLoss(model, scale=self.scale)
        return MultipleNegativesRankingLoss(model, scale=self.scale, hardness_mode=self.hardness, hardness_strength=self.strength)


@dataclass(frozen=True)
class Cached:
    """The same loss for batches that do not fit: gradients by pieces of mini_batch (CachedMultipleNegativesRankingLoss)."""

    scale: float = 20.0
    mini_batch: int = 32
    labels: ClassVar[Literal["none", "margins", "scores"]] = "none"

    def __call__(self, model: Any, seed: int) -> Any:
        """The torch module."""
        from sentence_transformers.sentence_transformer.losses import CachedMultipleNegativesRankingLoss

        return CachedMultipleNegativesRankingLoss(model, scale=self.scale, mini_batch_size=self.mini_batch)


@dataclass(frozen=True)
class Gist:
    """In-batch loss masked by a frozen guide: what the guide places above (positive - margin) is no negative (arXiv 2402.16829).

    guide: a model folder, best another model than the one that mined, whose judgement is already in the file.
    """

    guide: str = ""
    temperature: float = 0.05
    margin: float = 0.0
    relative: bool = False
    mini_batch: int = 32
    labels: ClassVar[Literal["none", "margins", "scores"]] = "none"

    def __post_init__(self) -> None:
        if not self.guide:
            raise ConfigError("loss 'gist' needs a guide: write gist:guide=FOLDER")

    def __call__(self, model: Any, seed: int) -> Any:
        """The torch module, the guide loaded on the model's device."""
        from sentence_transformers.sentence_transformer.losses import CachedGISTEmbedLoss

        from miner.config import MiningConfig, Runtime
        from miner.encode import load_encoder

        guide = load_encoder(MiningConfig.of(model=self.guide), Runtime.of(device=str(model.device))).model
        if any(type(each[0]).__name__ == "StaticEmbedding" for each in (model, guide)):
            raise ConfigError("loss 'gist' reads texts back from the tokenizer, which a static model cannot: give two transformers")
        how = {"margin_strategy": "relative" if self.relative else "absolute", "margin": self.margin, "mini_batch_size": self.mini_batch}
        return CachedGISTEmbedLoss(model, guide, temperature=self.temperature, **how)


@dataclass(frozen=True)
class MarginMse:
    """(s(q, positive) - s(q, negative) - teacher's difference)², on dot products (GPL, arXiv 2112.07577). Needs scores in the file."""

    labels: ClassVar[Literal["none", "margins", "scores"]] = "margins"

    def __call__(self, model: Any, seed: int) -> Any:
        """The torch module."""
        from sentence_transformers.sentence_transformer.losses import MarginMSELoss

        return MarginMSELoss(model)


@dataclass(frozen=True)
class Distillation:
    """KL divergence from the teacher's softmax over a row's passages to the student's. Needs scores in the file.

    temperature: of the student's cosine; teacher: of the teacher's scores.
    """

    temperature: float = 0.05
    teacher: float = 1.0
    labels: ClassVar[Literal["none", "margins", "scores"]] = "scores"

    def __call__(self, model: Any, seed: int) -> Any:
        """The torch module."""
        from sentence_transformers.sentence_transformer.losses import DistillKLDivLoss
        from sentence_transformers.util import pairwise_cos_sim

        how = {"student_temperature": self.temperature, "teacher_temperature": self.teacher}
        return DistillKLDivLoss(model, similarity_fct=pairwise_cos_sim, **how)


@dataclass(frozen=True)
class Hcl:
    """Harder negatives weigh more, and the share `tau` that is positive in truth is taken out (HCL, arXiv 2010.04592)."""

    scale: float = 20.0
    beta: float = 1.0
    tau: float = 0.01
    labels: ClassVar[Literal["none", "margins", "scores"]] = "none"

    def __call__(self, model: Any, seed: int) -> Any:
        """The torch module."""
        from miner.train.losses import HardContrastive

        return HardContrastive(model, seed=seed, **asdict(self))


@dataclass(frozen=True)
class Mochi:
    """Hard negatives mixed with each other and with the query, in the denominator (MoCHi, arXiv 2010.01028)."""

    scale: float = 20.0
    hardest: int = 16
    pairs: int = 16
    towards: int = 8
    warmup: int = 0
    labels: ClassVar[Literal["none", "margins", "scores"]] = "none"

    def __call__(self, model: Any, seed: int) -> Any:
        """The torch module."""
        from miner.train.losses import MixedNegatives

        return MixedNegatives(model, seed=seed, **asdict(self))


@dataclass(frozen=True)
class Sscl:
    """Mixtures of negatives, the most contrasting ones kept, debiased (in the spirit of arXiv 2304.02971; abstract only)."""

    scale: float = 20.0
    hardest: int = 16
    pairs: int = 32
    kept: int = 8
    tau: float = 0.01
    warmup: int = 0
    labels: ClassVar[Literal["none", "margins", "scores"]] = "none"

    def __call__(self, model: Any, seed: int) -> Any:
        """The torch module."""
        from miner.train.losses import SyntheticNegatives

        return SyntheticNegatives(model, seed=seed, **asdict(self))


@dataclass(frozen=True)
class Ohem:
    """At each step the `kept` hardest negatives of the batch, near-duplicates suppressed (OHEM, arXiv 1604.03540)."""

    scale: float = 20.0
    kept: int = 8
    same: float = 0.95
    guard: float = 2.0
    labels: ClassVar[Literal["none", "margins", "scores"]] = "none"

    def __call__(self, model: Any, seed: int) -> Any:
        """The torch module."""
        from miner.train.losses import OnlineHard

        return OnlineHard(model, seed=seed, **asdict(self))


@dataclass(frozen=True)
class Unremix:
    """At each step the hard, uncertain and typical negatives (in the spirit of UnReMix, arXiv 2206.01197; abstract only)."""

    scale: float = 20.0
    kept: int = 16
    hard: float = 1 / 3
    uncertain: float = 1 / 3
    typical: float = 1 / 3
    labels: ClassVar[Literal["none", "margins", "scores"]] = "none"

    def __call__(self, model: Any, seed: int) -> Any:
        """The torch module."""
        from miner.train.losses import Informative

        return Informative(model, seed=seed, **asdict(self))


LOSSES: dict[str, type[Loss]] = {
    "in_batch": InBatch,
    "cached": Cached,
    "gist": Gist,
    "margin_mse": MarginMse,
    "distillation": Distillation,
    "hcl": Hcl,
    "mochi": Mochi,
    "sscl": Sscl,
    "ohem": Ohem,
    "unremix": Unremix,
}


@dataclass(frozen=True)
class Given:
    """What parts may need of a training: its columns, the base model's vectors, the trained model's as it is, the user's own function."""

    rows: Columns
    base: Encode
    now: Encode
    seed: int
    seen: list[Any] = field(default_factory=list)
    paraphrase: Callable[[str], str] | None = None


class Batches(Protocol):
    """A batch sampler by name."""

    def __call__(self, given: Given) -> Any:
        """What goes into the trainer's `batch_sampler`; a sampler that learns from losses is put into `given.seen`."""
        ...


@dataclass(frozen=True)
class Shuffle:
    """Rows in random order, cut into batches."""

    def __call__(self, given: Given) -> Any:
        """Sentence-transformers' own."""
        return "batch_sampler"


@dataclass(frozen=True)
class NoDuplicates:
    """Random order, but no text twice in a batch: no passage is one row's positive and another's negative."""

    def __call__(self, given: Given) -> Any:
        """Sentence-transformers' own."""
        return "no_duplicates"


@dataclass(frozen=True)
class Topics:
    """Every batch from one topic, easy and hard margins in turn (TAS-B, arXiv 2104.06967). topics 0: rows / (4 × batch)."""

    topics: int = 0
    balanced: bool = True
    bins: int = 10

    def __call__(self, given: Given) -> Any:
        """Clusters are made once, with the model before training."""
        from miner.train.batches import TopicBatches

        vectors = given.base(given.rows.columns["anchor"], "query")
        known = margins(given.rows, given.base) if self.balanced else None
        return TopicBatches.of(vectors=vectors, topics=self.topics or None, margins=known, bins=self.bins)


@dataclass(frozen=True)
class HighLossBatches:
    """Fixed batches; after the first pass only the `delta` share with the highest last loss (arXiv 2304.03486)."""

    delta: float = 0.5
    decay: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.delta <= 1:
            raise ConfigError(f"batch sampler 'high_loss' wants 0 < delta <= 1, got delta={self.delta}")

    def __call__(self, given: Given) -> Any:
        """Hears the loss of every batch."""
        from miner.train.batches import HighLoss

        return HighLoss.of(seen=given.seen, **asdict(self))


@dataclass(frozen=True)
class HardExampleBatches:
    """Before each pass rows are scored; the hardest `share` comes `times` times, the `guard` share above them not at all."""

    share: float = 0.3
    times: int = 2
    guard: float = 0.02

    def __call__(self, given: Given) -> Any:
        """Scored with the model as it is then."""
        from miner.train.batches import HardExamples

        return HardExamples.of(losses=Measured(given), **asdict(self))


class Measured:
    """The losses of a training's rows with the model as it is when called. A trainer pickles its arguments beside every checkpoint, for
    nobody to read: the training's rows and model stay out of that.
    """

    def __init__(self, given: Given | None) -> None:
        self._given = given

    def __call__(self) -> Any:
        """Shape (rows,)."""
        if self._given is None:
            raise ConfigError("a batch sampler taken out of a checkpoint's training_args.bin knows no rows: begin a training instead")
        return row_losses(self._given.rows, self._given.now)

    def __reduce__(self) -> tuple[Any, ...]:
        return Measured, (None,)


BATCH_SAMPLERS: dict[str, type[Batches]] = {
    "no_duplicates": NoDuplicates,
    "shuffle": Shuffle,
    "topics": Topics,
    "high_loss": HighLossBatches,
    "hard_examples": HardExampleBatches,
}

Look = Callable[[list[dict[str, Any]], int], list[dict[str, Any]]]
"""Rows of a batch and its number → rows."""


class Change(Protocol):
    """Something that changes the rows of a batch before they are tokenised."""

    def __call__(self, given: Given) -> Look:
        """The function of (rows, number of the batch)."""
        ...


Where = Literal["query", "positive", "both"]
COLUMNS: dict[str, tuple[str, ...]] = {"query": ("anchor",), "positive": ("positive",), "both": ("anchor", "positive")}


@dataclass(frozen=True)
class Delete:
    """Words of the query (or positive) left out."""

    share: float = 0.1
    of: Where = "query"

    def __call__(self, given: Given) -> Look:
        """See augment.Deleted."""
        return augment.Deleted(self.share, COLUMNS[self.of], given.seed)


@dataclass(frozen=True)
class Reorder:
    """Neighbouring words swapped."""

    share: float = 0.1
    of: Where = "query"

    def __call__(self, given: Given) -> Look:
        """See augment.Reordered."""
        return augment.Reordered(self.share, COLUMNS[self.of], given.seed)


@dataclass(frozen=True)
class Paraphrase:
    """The user's own function, in Python only: train(..., paraphrase=function)."""

    share: float = 0.5
    of: Where = "query"

    def __call__(self, given: Given) -> Look:
        """See augment.Paraphrased."""
        if given.paraphrase is None:
            raise ConfigError("change 'paraphrase' needs your function: train(..., paraphrase=function), in Python")
        return augment.Paraphrased(given.paraphrase, self.share, COLUMNS[self.of], given.seed)


@dataclass(frozen=True)
class TfIdfNegative:
    """Now and then one more negative: the positive with its weightiest words replaced (UNA, arXiv 2401.02594)."""

    every: int = 5
    strength: float = 0.5
    near: int = 4000

    def __call__(self, given: Given) -> Look:
        """Word statistics are those of the positives."""
        return augment.Una(given.rows.columns["positive"], **asdict(self), seed=given.seed)


@dataclass(frozen=True)
class ReplaceEasy:
    """Negatives that became easy give way to the row's next ones, beyond use_negatives (Conan, arXiv 2408.15710)."""

    drop: float = 0.15
    score: float = 0.8
    every: int = 10

    def __call__(self, given: Given) -> Look:
        """Scored with the model as it is."""
        if not given.rows.reserve:
            raise ConfigError("change 'replace' takes negatives from a reserve: set use_negatives below what the rows have")
        return Replaced(given.rows.reserve, given.now, **asdict(self))


CHANGES: dict[str, type[Change]] = {
    "delete": Delete,
    "reorder": Reorder,
    "paraphrase": Paraphrase,
    "una": TfIdfNegative,
    "replace": ReplaceEasy,
}

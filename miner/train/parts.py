"""The tables: losses, batch samplers, augmentations by name. A part is a frozen dataclass of knobs; calling it builds the real thing.

Nothing here imports torch before a part is called. The classes behind the parts work in a plain sentence-transformers script too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

from miner.errors import ConfigError


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


LOSSES: dict[str, type[Loss]] = {
    "in_batch": InBatch,
    "cached": Cached,
    "gist": Gist,
    "margin_mse": MarginMse,
    "distillation": Distillation,
}


class Batches(Protocol):
    """A batch sampler by name."""

    def __call__(self, seen: Any) -> Any:
        """What goes into the trainer's `batch_sampler`; `seen` collects the sampler it makes."""
        ...


@dataclass(frozen=True)
class Shuffle:
    """Rows in random order, cut into batches."""

    def __call__(self, seen: Any) -> Any:
        """Sentence-transformers' own."""
        return "batch_sampler"


@dataclass(frozen=True)
class NoDuplicates:
    """Random order, but no text twice in a batch: no passage is one row's positive and another's negative."""

    def __call__(self, seen: Any) -> Any:
        """Sentence-transformers' own."""
        return "no_duplicates"


BATCH_SAMPLERS: dict[str, type[Batches]] = {"no_duplicates": NoDuplicates, "shuffle": Shuffle}

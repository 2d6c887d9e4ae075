"""Losses by name. A part is a frozen dataclass of knobs; calling it builds the torch module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal, Protocol

from miner.errors import ConfigError
from miner.train.parts.knobs import COUNT, SCALE, TEMPERATURE, WEIGHT, Knobs, Range
from miner.train.parts.teacher_loss import BatchKl, ContrastiveKl, EmbedDistill, GuidedLoss

PROBABILITY = Range(0, 1, under=True)
MIXTURES, WARMUP = Range(0, 10_000), Range(0, 1_000_000_000)


class Loss(Protocol):
    """A loss by name. labels: what its rows need beside texts: nothing, margins, or the scores of all passages.

    tokens: whether it needs the token ids of a text by themselves, which a static model does not give.
    """

    labels: ClassVar[Literal["none", "margins", "scores"]]
    tokens: ClassVar[bool]

    def __call__(self, model: Any, seed: int) -> Any:
        """The torch module; its forward takes (features of each column, labels)."""
        ...


@dataclass(frozen=True)
class InBatch(Knobs):
    """-log of the positive's share among all passages of the batch (InfoNCE): MultipleNegativesRankingLoss.

    InfoNCE: arXiv 1807.03748; negatives of the batch: arXiv 1705.00652.

    strength > 0 adds strength × cosine to the logits of `hardness` negatives (arXiv 2503.04812 uses 9 in the batch, EmbeddingGemma 5 for
    mined ones).
    """

    scale: float = 20.0
    hardness: Literal["in_batch_negatives", "hard_negatives", "all_negatives"] = "in_batch_negatives"
    strength: float = 0.0
    labels: ClassVar[Literal["none", "margins", "scores"]] = "none"
    tokens: ClassVar[bool] = False
    part: ClassVar[str] = "loss 'in_batch'"
    ranges: ClassVar[Mapping[str, Range]] = {"scale": SCALE, "strength": Range(0, 1000)}

    def __call__(self, model: Any, seed: int) -> Any:
        """The torch module."""
        from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

        if not self.strength:
            return MultipleNegativesRankingLoss(model, scale=self.scale)
        return MultipleNegativesRankingLoss(model, scale=self.scale, hardness_mode=self.hardness, hardness_strength=self.strength)


@dataclass(frozen=True)
class Cached(Knobs):
    """The same loss for batches that do not fit: gradients by pieces of mini_batch (CachedMultipleNegativesRankingLoss).

    GradCache, arXiv 2101.06983.
    """

    scale: float = 20.0
    mini_batch: int = 32
    labels: ClassVar[Literal["none", "margins", "scores"]] = "none"
    tokens: ClassVar[bool] = True
    part: ClassVar[str] = "loss 'cached'"
    ranges: ClassVar[Mapping[str, Range]] = {"scale": SCALE, "mini_batch": COUNT}

    def __call__(self, model: Any, seed: int) -> Any:
        """The torch module."""
        from sentence_transformers.sentence_transformer.losses import CachedMultipleNegativesRankingLoss

        return CachedMultipleNegativesRankingLoss(model, scale=self.scale, mini_batch_size=self.mini_batch)


@dataclass(frozen=True)
class Gist(Knobs):
    """In-batch loss masked by a frozen guide: what the guide places above (positive - margin) is no negative (arXiv 2402.16829).

    guide: a model folder, best another model than the one that mined, whose judgement is already in the file.
    """

    guide: str = ""
    temperature: float = 0.05
    margin: float = 0.0
    relative: bool = False
    mini_batch: int = 32
    labels: ClassVar[Literal["none", "margins", "scores"]] = "none"
    tokens: ClassVar[bool] = True
    part: ClassVar[str] = "loss 'gist'"
    ranges: ClassVar[Mapping[str, Range]] = {"temperature": TEMPERATURE, "margin": Range(-2, 2), "mini_batch": COUNT}

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.guide:
            raise ConfigError("loss 'gist' needs a guide: write gist:guide=FOLDER")

    def __call__(self, model: Any, seed: int) -> Any:
        """The torch module, the guide loaded on the model's device."""
        from sentence_transformers.sentence_transformer.losses import CachedGISTEmbedLoss

        from miner.config import MiningConfig, Runtime
        from miner.encode import load_encoder

        guide = load_encoder(MiningConfig.of(model=self.guide), Runtime.of(device=str(model.device))).model
        if any(type(module[0]).__name__ == "StaticEmbedding" for module in (model, guide)):
            raise ConfigError(
                "loss 'gist' reads texts back from the tokenizer, which a static model cannot: take guided, or give two transformers"
            )
        options = {
            "margin_strategy": "relative" if self.relative else "absolute",
            "margin": self.margin,
            "mini_batch_size": self.mini_batch,
        }
        return CachedGISTEmbedLoss(model, guide, temperature=self.temperature, **options)


@dataclass(frozen=True)
class MarginMse(Knobs):
    """(s(q, positive) - s(q, negative) - teacher's difference)², on dot products (GPL, arXiv 2112.07577). Needs scores in the file."""

    labels: ClassVar[Literal["none", "margins", "scores"]] = "margins"
    tokens: ClassVar[bool] = False
    part: ClassVar[str] = "loss 'margin_mse'"
    ranges: ClassVar[Mapping[str, Range]] = {}

    def __call__(self, model: Any, seed: int) -> Any:
        """The torch module."""
        from sentence_transformers.sentence_transformer.losses import MarginMSELoss

        return MarginMSELoss(model)


@dataclass(frozen=True)
class Distillation(Knobs):
    """KL divergence from the teacher's softmax over a row's passages to the student's. Needs scores in the file.

    temperature: of the student's cosine; teacher: of the teacher's scores.
    """

    temperature: float = 0.05
    teacher: float = 1.0
    labels: ClassVar[Literal["none", "margins", "scores"]] = "scores"
    tokens: ClassVar[bool] = False
    part: ClassVar[str] = "loss 'distillation'"
    ranges: ClassVar[Mapping[str, Range]] = {"temperature": TEMPERATURE, "teacher": TEMPERATURE}

    def __call__(self, model: Any, seed: int) -> Any:
        """The torch module."""
        from sentence_transformers.sentence_transformer.losses import DistillKLDivLoss
        from sentence_transformers.util import pairwise_cos_sim

        options = {"student_temperature": self.temperature, "teacher_temperature": self.teacher}
        return DistillKLDivLoss(model, similarity_fct=pairwise_cos_sim, **options)


@dataclass(frozen=True)
class Hcl(Knobs):
    """Harder negatives weigh more, and the share `tau` that is positive in truth is taken out (HCL, arXiv 2010.04592)."""

    scale: float = 20.0
    beta: float = 1.0
    tau: float = 0.01
    labels: ClassVar[Literal["none", "margins", "scores"]] = "none"
    tokens: ClassVar[bool] = False
    part: ClassVar[str] = "loss 'hcl'"
    ranges: ClassVar[Mapping[str, Range]] = {"scale": SCALE, "beta": Range(0, 100), "tau": PROBABILITY}

    def __call__(self, model: Any, seed: int) -> Any:
        """The torch module."""
        from miner.train.losses import HardContrastive

        return HardContrastive(model, seed=seed, **asdict(self))


@dataclass(frozen=True)
class Mochi(Knobs):
    """Hard negatives mixed with each other and with the query, in the denominator (MoCHi, arXiv 2010.01028)."""

    scale: float = 20.0
    hardest: int = 16
    pairs: int = 16
    towards: int = 8
    warmup: int = 0
    labels: ClassVar[Literal["none", "margins", "scores"]] = "none"
    tokens: ClassVar[bool] = False
    part: ClassVar[str] = "loss 'mochi'"
    ranges: ClassVar[Mapping[str, Range]] = {"scale": SCALE, "hardest": COUNT, "pairs": MIXTURES, "towards": MIXTURES, "warmup": WARMUP}

    def __call__(self, model: Any, seed: int) -> Any:
        """The torch module."""
        from miner.train.losses import MixedNegatives

        return MixedNegatives(model, seed=seed, **asdict(self))


@dataclass(frozen=True)
class Sscl(Knobs):
    """Mixtures of negatives, the most contrasting ones kept, debiased (in the spirit of arXiv 2304.02971; abstract only)."""

    scale: float = 20.0
    hardest: int = 16
    pairs: int = 32
    kept: int = 8
    tau: float = 0.01
    warmup: int = 0
    labels: ClassVar[Literal["none", "margins", "scores"]] = "none"
    tokens: ClassVar[bool] = False
    part: ClassVar[str] = "loss 'sscl'"
    ranges: ClassVar[Mapping[str, Range]] = {
        "scale": SCALE,
        "hardest": COUNT,
        "pairs": Range(1, 10_000),
        "kept": COUNT,
        "tau": PROBABILITY,
        "warmup": WARMUP,
    }

    def __call__(self, model: Any, seed: int) -> Any:
        """The torch module."""
        from miner.train.losses import SyntheticNegatives

        return SyntheticNegatives(model, seed=seed, **asdict(self))


@dataclass(frozen=True)
class Ohem(Knobs):
    """At each step the `kept` hardest negatives of the batch, near-duplicates suppressed (OHEM, arXiv 1604.03540)."""

    scale: float = 20.0
    kept: int = 8
    same: float = 0.95
    guard: float = 2.0
    labels: ClassVar[Literal["none", "margins", "scores"]] = "none"
    tokens: ClassVar[bool] = False
    part: ClassVar[str] = "loss 'ohem'"
    ranges: ClassVar[Mapping[str, Range]] = {"scale": SCALE, "kept": COUNT, "same": Range(0, 1, above=True), "guard": Range(0, 2)}

    def __call__(self, model: Any, seed: int) -> Any:
        """The torch module."""
        from miner.train.losses import OnlineHard

        return OnlineHard(model, seed=seed, **asdict(self))


@dataclass(frozen=True)
class Unremix(Knobs):
    """At each step the hard, uncertain and typical negatives (in the spirit of UnReMix, arXiv 2206.01197; abstract only)."""

    scale: float = 20.0
    kept: int = 16
    hard: float = 1 / 3
    uncertain: float = 1 / 3
    typical: float = 1 / 3
    labels: ClassVar[Literal["none", "margins", "scores"]] = "none"
    tokens: ClassVar[bool] = False
    part: ClassVar[str] = "loss 'unremix'"
    ranges: ClassVar[Mapping[str, Range]] = {"scale": SCALE, "kept": COUNT, "hard": WEIGHT, "uncertain": WEIGHT, "typical": WEIGHT}

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.hard + self.uncertain + self.typical:
            raise ConfigError("loss 'unremix' wants one of hard, uncertain and typical above 0: they choose the negatives")

    def __call__(self, model: Any, seed: int) -> Any:
        """The torch module."""
        from miner.train.losses import Informative

        return Informative(model, seed=seed, **asdict(self))


LOSSES: dict[str, type[Loss]] = {
    "in_batch": InBatch,
    "cached": Cached,
    "gist": Gist,
    "guided": GuidedLoss,
    "margin_mse": MarginMse,
    "distillation": Distillation,
    "contrastive_kl": ContrastiveKl,
    "batch_kl": BatchKl,
    "embed_distill": EmbedDistill,
    "hcl": Hcl,
    "mochi": Mochi,
    "sscl": Sscl,
    "ohem": Ohem,
    "unremix": Unremix,
}

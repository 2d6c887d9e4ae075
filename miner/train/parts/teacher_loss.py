"""Losses of a second model, by name: its scores in the training file, or its vectors looked up by text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

from miner.errors import ConfigError
from miner.train.parts.knobs import SCALE, TEMPERATURE, WEIGHT, Knobs, Range


def _teacher(folder: str, model: Any) -> Any:
    """The encoder of a guide or teacher, on the model's device."""
    from miner.config import MiningConfig, Runtime
    from miner.encode import load_encoder

    return load_encoder(MiningConfig.of(model=folder), Runtime.of(device=str(model.device)))


@dataclass(frozen=True)
class GuidedLoss(Knobs):
    """In-batch loss without what a frozen guide places above (positive - margin), and without known positives; for static models too.

    guide: a model folder; its vectors are looked up by text, and stored. relative: the margin is a share of the positive's score.
    known: positives that the training rows name for the query are no negatives.
    """

    guide: str = ""
    scale: float = 20.0
    margin: float = 0.0
    relative: bool = False
    known: bool = True
    labels: ClassVar[Literal["none", "margins", "scores"]] = "none"
    tokens: ClassVar[bool] = False
    part: ClassVar[str] = "loss 'guided'"
    ranges: ClassVar[Mapping[str, Range]] = {"scale": SCALE, "margin": Range(-2, 2)}

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.guide:
            raise ConfigError("loss 'guided' needs a guide: write guided:guide=FOLDER")

    def __call__(self, model: Any, seed: int) -> Any:
        """The torch module, the guide loaded on the model's device."""
        from miner.train.losses import Guided

        return Guided(model, seed=seed, **{**asdict(self), "guide": _teacher(self.guide, model)})


@dataclass(frozen=True)
class BatchKl(Knobs):
    """In-batch loss and `weight` × the KL divergence from a teacher's softmax over all passages of the batch to the student's.

    teacher: a model folder; its vectors are looked up by text, and stored. temperature: of the student's cosine; teacher_temperature: of
    the teacher's.
    """

    teacher: str = ""
    scale: float = 20.0
    weight: float = 1.0
    temperature: float = 0.05
    teacher_temperature: float = 0.05
    labels: ClassVar[Literal["none", "margins", "scores"]] = "none"
    tokens: ClassVar[bool] = False
    part: ClassVar[str] = "loss 'batch_kl'"
    ranges: ClassVar[Mapping[str, Range]] = {
        "scale": SCALE,
        "weight": WEIGHT,
        "temperature": TEMPERATURE,
        "teacher_temperature": TEMPERATURE,
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.teacher:
            raise ConfigError("loss 'batch_kl' needs a teacher: write batch_kl:teacher=FOLDER")

    def __call__(self, model: Any, seed: int) -> Any:
        """The torch module, the teacher loaded on the model's device."""
        from miner.train.losses import BatchDistillation

        return BatchDistillation(model, seed=seed, **{**asdict(self), "teacher": _teacher(self.teacher, model)})


@dataclass(frozen=True)
class EmbedDistill(Knobs):
    """The student's vectors learn a teacher's, or their cosines where dims differ (in the spirit of EmbedDistill, arXiv 2301.12005).

    teacher: a model folder; its vectors are looked up by text, and stored. contrast: weight of the in-batch loss beside it. matrix: compare
    cosines where dims are the same, too.
    """

    teacher: str = ""
    scale: float = 20.0
    weight: float = 1.0
    contrast: float = 0.0
    matrix: bool = False
    labels: ClassVar[Literal["none", "margins", "scores"]] = "none"
    tokens: ClassVar[bool] = False
    part: ClassVar[str] = "loss 'embed_distill'"
    ranges: ClassVar[Mapping[str, Range]] = {"scale": SCALE, "weight": Range(0, 1000, above=True), "contrast": WEIGHT}

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.teacher:
            raise ConfigError("loss 'embed_distill' needs a teacher: write embed_distill:teacher=FOLDER")

    def __call__(self, model: Any, seed: int) -> Any:
        """The torch module, the teacher loaded on the model's device."""
        from miner.train.losses import EmbeddingDistillation

        return EmbeddingDistillation(model, seed=seed, **{**asdict(self), "teacher": _teacher(self.teacher, model)})


@dataclass(frozen=True)
class ContrastiveKl(Knobs):
    """The in-batch loss and `weight` × the KL divergence from the teacher's softmax over a row's passages. Needs scores in the file.

    temperature: of the student's cosine; teacher: of the teacher's scores.
    """

    scale: float = 20.0
    weight: float = 1.0
    temperature: float = 0.05
    teacher: float = 1.0
    labels: ClassVar[Literal["none", "margins", "scores"]] = "scores"
    tokens: ClassVar[bool] = False
    part: ClassVar[str] = "loss 'contrastive_kl'"
    ranges: ClassVar[Mapping[str, Range]] = {"scale": SCALE, "weight": WEIGHT, "temperature": TEMPERATURE, "teacher": TEMPERATURE}

    def __call__(self, model: Any, seed: int) -> Any:
        """The torch module."""
        from miner.train.losses import ContrastiveDistillation

        return ContrastiveDistillation(model, seed=seed, **asdict(self))

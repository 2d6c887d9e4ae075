"""What a judge can be set to, and how it is opened: `cross-encoder:model=PATH,first=50`, `bi-encoder:model=PATH`.

Knobs that change no score, only which pairs are scored (PAIR_KNOBS), are not part of what a stored score belongs to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

from miner.errors import ConfigError

PAIR_KNOBS = ("first", "most", "pairs")
FIRST, LIMIT_FACTOR = 50, 4
"""Candidates of a query that are scored by default; a short query gets so many times as many at most."""

Dtype = Literal["float32", "float16", "bfloat16"]


@dataclass(frozen=True)
class JudgePart:
    """What all judges have.

    first: the candidates of each query that are scored: the best so many that no cheaper rule drops.
    most: a query that is still short of negatives is scored further, up to so many candidates; default: four times `first`.
    pairs: undecided: only what no cheaper rule drops; all: the first so many, whatever other rules say of them.
    """

    model: str | None = None
    revision: str | None = None
    query_prompt: str | None = None
    passage_prompt: str | None = None
    max_length: int | None = None
    dtype: Dtype = "float32"
    first: int = FIRST
    most: int | None = None
    pairs: Literal["undecided", "all"] = "undecided"
    kind: ClassVar[str] = "judge"

    def __post_init__(self) -> None:
        if not self.model:
            raise ConfigError(f"judge '{self.kind}' needs a model: write {self.kind}:model=FOLDER")
        for name in ("first", "max_length"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ConfigError(f"judge '{self.kind}' wants {name} >= 1, got {value}")
        if self.most is not None and self.most < self.first:
            raise ConfigError(f"judge '{self.kind}' wants most >= first, got most={self.most}, first={self.first}")

    @property
    def limit(self) -> int:
        """The largest number of candidates of a query that are scored."""
        return self.first if self.pairs == "all" else self.most or LIMIT_FACTOR * self.first

    @property
    def identity(self) -> str:
        """Kind and knobs that change scores, as one text: stored scores of another text are another judge's."""
        knobs = {name: value for name, value in asdict(self).items() if value is not None and name not in PAIR_KNOBS}
        return f"{self.kind}:" + ",".join(f"{name}={value}" for name, value in knobs.items())

    def text(self, side: Literal["query_prompt", "passage_prompt"]) -> str:
        """The prompt of a side. Quotes around it keep its spaces."""
        return (getattr(self, side) or "").strip('"')


@dataclass(frozen=True)
class CrossEncoderPart(JudgePart):
    """A cross-encoder, which reads query and passage together. Any CrossEncoder of sentence-transformers with safetensors.

    prompt_name: one of the model's own prompts. activation: default: the model's own; sigmoid: scores from 0 to 1; identity: logits.
    """

    prompt_name: str | None = None
    activation: Literal["default", "sigmoid", "identity"] = "default"
    kind: ClassVar[str] = "cross-encoder"

    def settings(self) -> Mapping[str, Any]:
        """Fields of the config with this judge's values."""
        return {"model": self.model, "revision": self.revision, "dtype": self.dtype}


@dataclass(frozen=True)
class BiEncoderPart(JudgePart):
    """Another bi-encoder: a stronger teacher, or a guide that errs otherwise. Its vectors are stored, and used again by other runs."""

    query_prompt_name: str | None = None
    passage_prompt_name: str | None = None
    truncate_dim: int | None = None
    pooling: Literal["mean", "cls", "lasttoken"] | None = None
    similarity: Literal["auto", "cosine", "dot", "euclidean"] = "auto"
    kind: ClassVar[str] = "bi-encoder"

    def __post_init__(self) -> None:
        super().__post_init__()
        for side in ("query", "passage"):
            if getattr(self, f"{side}_prompt") is not None and getattr(self, f"{side}_prompt_name") is not None:
                raise ConfigError(f"judge 'bi-encoder': give {side}_prompt or {side}_prompt_name, not both")

    def settings(self) -> Mapping[str, Any]:
        """Fields of the config with this judge's values."""
        names = ("model", "revision", "query_prompt_name", "passage_prompt_name", "max_length", "truncate_dim", "pooling", "dtype")
        prompts = {name: None if getattr(self, name) is None else self.text(name) for name in ("query_prompt", "passage_prompt")}
        return {**{name: getattr(self, name) for name in (*names, "similarity")}, **prompts}

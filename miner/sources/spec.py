"""What a source can be set to, and how it is opened: `dense`, `dense:model=PATH,query_prompt_name=query`, `bm25:k1=1.2,b=0.75`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from miner.errors import ConfigError
from miner.sources.bm25 import BM25
from miner.sources.dense import Dense
from miner.types import Dataset, Vectors


@dataclass(frozen=True)
class DensePart:
    """Vectors of a model. Without `model` it is the config's own model, with the settings that go with it.

    A further encoder takes its settings from its knobs alone; quotes keep a prompt's spaces: query_prompt="query: ".
    """

    model: str | None = None
    revision: str | None = None
    query_prompt: str | None = None
    query_prompt_name: str | None = None
    passage_prompt: str | None = None
    passage_prompt_name: str | None = None
    max_length: int | None = None
    truncate_dim: int | None = None
    pooling: Literal["mean", "cls", "lasttoken"] | None = None
    dtype: Literal["float32", "float16", "bfloat16"] | None = None
    similarity: Literal["cosine", "dot", "euclidean"] | None = None
    encodes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        knobs = [name for name, value in asdict(self).items() if value is not None]
        if knobs and self.model is None:
            raise ConfigError(f"source 'dense' has {knobs[0]} but no model: write dense:model=PATH,{knobs[0]}=…, or set {knobs[0]} itself")
        for side in ("query", "passage"):
            if getattr(self, f"{side}_prompt") is not None and getattr(self, f"{side}_prompt_name") is not None:
                raise ConfigError(f"source 'dense': give {side}_prompt or {side}_prompt_name, not both")
        for name in ("max_length", "truncate_dim"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ConfigError(f"source 'dense' wants {name} >= 1, got {value}")

    def settings(self) -> Mapping[str, Any]:
        """Fields of the config with the values this source has instead; empty for the config's own model."""
        if self.model is None:
            return {}
        values = {name: value.strip('"') if name.endswith("_prompt") and value else value for name, value in asdict(self).items()}
        return {**values, "dtype": self.dtype or "float32", "similarity": self.similarity or "auto"}

    def open(self, dataset: Dataset, vectors: Vectors | None, work: Path, index: str) -> Dense:
        """Encode both sides and open the index; `work` holds two matrices."""
        assert vectors is not None, "vectors are made for every part that encodes"
        return Dense(dataset, vectors, work, index)


@dataclass(frozen=True)
class BM25Part:
    """Shared words. k1: how soon more of the same word stops to count; b: how much a passage's length counts against it."""

    k1: float = 0.9
    b: float = 0.4
    encodes: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.k1 < 0 or not 0 <= self.b <= 1:
            raise ConfigError(f"source 'bm25' wants k1 >= 0 and b from 0 to 1, got k1={self.k1}, b={self.b}")

    def settings(self) -> Mapping[str, Any]:
        """It encodes nothing."""
        return {}

    def open(self, dataset: Dataset, vectors: Vectors | None, work: Path, index: str) -> BM25:
        """Index the passages; `work` holds the weights, memory-mapped."""
        return BM25(dataset, work, self.k1, self.b)


SourcePart = DensePart | BM25Part

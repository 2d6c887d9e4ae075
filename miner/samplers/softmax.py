"""Draw in proportion to exp(score / temperature): between the hardest (0) and any (infinity), like the loss's own weights.

The distribution is that of hard negative sampling (arXiv 2010.04592), here over what was retrieved and kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from miner.errors import ConfigError
from miner.samplers.draws import gumbel
from miner.types import Bools, Candidates, Noise, Priority


@dataclass(frozen=True)
class Softmax:
    """Priority = score / temperature + Gumbel noise. 0.05 is the temperature that cosine losses are trained with.

    by: a second judge, whose score counts.
    """

    temperature: float = 0.05
    by: str | None = None
    needs: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if self.temperature <= 0:
            raise ConfigError(f"sampler 'softmax' wants a temperature above 0, got {self.temperature}")

    def __call__(self, candidates: Candidates, keep: Bools, noise: Noise) -> Priority:
        """Return shape (B, K): higher is taken first."""
        scores = candidates.by(self.by).scores.astype(np.float64)
        scores = np.where(np.isnan(scores), 0, scores)
        priority: Priority = scores / self.temperature + gumbel(noise())
        return priority

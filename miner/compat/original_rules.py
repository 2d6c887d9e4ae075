"""The original's rules as filters of our engine.

Its margins are computed in the scores' own number type, ours in float64: at the boundary the two differ in the last bit, so these
shift the scores, or lower the bar, as the original does and leave the comparison to ours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from miner.compat.arguments import Asked
from miner.compat.rescore import array
from miner.filters.identity import KnownPositive, SelfMatch
from miner.filters.score import Margin, MaxScore, MinScore
from miner.filters.window import Ranks
from miner.types import Bools, Candidates, Filter


@dataclass(frozen=True)
class AbsoluteMargin:
    """Drop candidates whose score plus `margin` is above the weakest positive's."""

    margin: float
    needs: ClassVar[tuple[str, ...]] = ()
    guesses: ClassVar[bool] = True
    relax: ClassVar[bool] = False

    def __call__(self, candidates: Candidates) -> Bools:
        """Return shape (B, K): True = keep."""
        scores = candidates.scores
        return Margin()(replace(candidates, scores=scores + scores.dtype.type(self.margin)))


@dataclass(frozen=True)
class RelativeMargin:
    """Drop candidates above the weakest positive's score less `margin` of its size; number: the torch type of that score."""

    margin: float
    number: Any = None
    needs: ClassVar[tuple[str, ...]] = ()
    guesses: ClassVar[bool] = True
    relax: ClassVar[bool] = False

    def __call__(self, candidates: Candidates) -> Bools:
        """Return shape (B, K): True = keep."""
        import torch

        bar = torch.as_tensor(candidates.bar).to(self.number)
        return Margin()(replace(candidates, bar=array(bar - bar.abs() * self.margin)))


def rules(asked: Asked, dtype: Any, number: Any) -> dict[str, Filter]:
    """The filters by the name of the argument, in the order in which they run.

    dtype: numpy's, of the candidates' scores; number: torch's, of the positives'.
    """
    made: dict[str, Filter] = {} if asked.values["include_positives"] else {"positives": KnownPositive()}
    if asked.repairs.without_anchor:
        made["anchor"] = SelfMatch()
    if asked.absolute_margin is not None:
        made["absolute_margin"] = AbsoluteMargin(asked.absolute_margin)
    if asked.relative_margin is not None:
        made["relative_margin"] = RelativeMargin(asked.relative_margin, number)
    for name, bound, value in (("max_score", MaxScore, asked.max_score), ("min_score", MinScore, asked.min_score)):
        if value is not None and value == value:  # NaN removes nothing
            made[name] = bound(float(np.dtype(dtype).type(value)))
    return {**made, "ranks": Ranks(skip=asked.range_min, last=asked.range_max)}

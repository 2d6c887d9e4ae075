"""The original's rules as filters of this project's engine.

The original computes margins in the number type of the scores, this engine in float64: at the boundary the two differ in the last bit.
So these filters shift the scores, or the reference score, as the original does, and leave the comparison to the engine's filters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from miner.compat.arguments import Arguments
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
    estimates_relevance: ClassVar[bool] = True
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
    estimates_relevance: ClassVar[bool] = True
    relax: ClassVar[bool] = False

    def __call__(self, candidates: Candidates) -> Bools:
        """Return shape (B, K): True = keep."""
        import torch

        reference_score = torch.as_tensor(candidates.reference_scores).to(self.number)
        return Margin()(replace(candidates, reference_scores=array(reference_score - reference_score.abs() * self.margin)))


def rules(arguments: Arguments, dtype: Any, number: Any) -> dict[str, Filter]:
    """Return the filters by the name of the argument, in the order in which they run.

    dtype: numpy's, of the candidates' scores; number: torch's, of the positives'.
    """
    filters: dict[str, Filter] = {} if arguments.values["include_positives"] else {"positives": KnownPositive()}
    if arguments.repairs.without_anchor:
        filters["anchor"] = SelfMatch()
    if arguments.absolute_margin is not None:
        filters["absolute_margin"] = AbsoluteMargin(arguments.absolute_margin)
    if arguments.relative_margin is not None:
        filters["relative_margin"] = RelativeMargin(arguments.relative_margin, number)
    for name, bound, value in (("max_score", MaxScore, arguments.max_score), ("min_score", MinScore, arguments.min_score)):
        if value is not None and value == value:  # NaN removes nothing
            filters[name] = bound(float(np.dtype(dtype).type(value)))
    return {**filters, "ranks": Ranks(skip=arguments.range_min, last=arguments.range_max)}

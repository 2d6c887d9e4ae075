"""Selection among the batch's negatives at every step, with the current model: only the selected ones get a gradient.

OHEM (arXiv 1604.03540): score everything, suppress near-duplicates, keep the hardest. UnReMix (arXiv 2206.01197): hard, uncertain and
representative ones.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from miner.train.losses.contrastive import Contrastive
from miner.train.parts.knobs import check_numbers

NO_GUARD = 2.0
"""No two cosines differ by more."""


class OnlineHard(Contrastive):
    """OHEM for text: InfoNCE over each row's `kept` hardest negatives, after greedy suppression.

    A passage at a cosine of `same` or more to the positive, or to a harder selected passage, is left out: non-maximum suppression for texts
    (for boxes at an overlap of 0.7). guard: leave out passages that score above positive + guard; outliers have the highest loss, and
    for texts they are mostly unlabelled positives. 2 or more switches it off.
    """

    def __init__(
        self,
        model: Any,
        scale: float = 20.0,
        kept: int = 8,
        same: float = 0.95,
        guard: float = 2.0,
        seed: int = 0,
        similarity: Literal["cosine", "dot"] = "cosine",
    ) -> None:
        super().__init__(model, scale, seed, similarity)
        self.kept, self.same, self.guard = kept, same, guard
        check_numbers(self, "ohem")

    def row_losses(self, positive: Tensor, logits: Tensor, allowed: Tensor, queries: Tensor, passages: Tensor) -> Tensor:
        """Shape (B,); a row whose every negative was left out has a loss of zero."""
        near = passages.detach() @ passages.detach().T
        ceiling = positive.detach()[:, None] + (self.scale * self.guard if self.guard < NO_GUARD else torch.inf)
        eligible = allowed & (near[: len(queries)] < self.same) & (logits.detach() <= ceiling)
        selection = torch.zeros_like(eligible)
        for _ in range(min(self.kept, eligible.shape[1])):
            best = logits.detach().masked_fill(~eligible, -torch.inf).argmax(dim=1)
            has_eligible = eligible.any(dim=1)
            selection[has_eligible, best[has_eligible]] = True
            eligible = eligible & (near[best] < self.same)
            eligible[torch.arange(len(best), device=best.device), best] = False
        return super().row_losses(positive, logits, selection, queries, passages)


class Informative(Contrastive):
    """InfoNCE over each row's `kept` most informative negatives, after UnReMix, of which only the abstract was available: the sum is new.

        u = hard z(s) + uncertain z(p (1 - p)) + typical z(mean cosine to the row's other negatives)

    with p the negative's share of the softmax over the row's negatives, and z the row's standard score. `typical` is the reply to noise:
    an outlier is near nothing.
    """

    def __init__(
        self,
        model: Any,
        scale: float = 20.0,
        kept: int = 16,
        hard: float = 1 / 3,
        uncertain: float = 1 / 3,
        typical: float = 1 / 3,
        seed: int = 0,
        similarity: Literal["cosine", "dot"] = "cosine",
    ) -> None:
        super().__init__(model, scale, seed, similarity)
        self.kept, self.hard, self.uncertain, self.typical = kept, hard, uncertain, typical
        check_numbers(self, "unremix")

    def row_losses(self, positive: Tensor, logits: Tensor, allowed: Tensor, queries: Tensor, passages: Tensor) -> Tensor:
        """Shape (B,)."""
        worth = self.worth(logits.detach(), allowed, passages.detach()).masked_fill(~allowed, -torch.inf)
        best = worth.topk(min(self.kept, worth.shape[1]), dim=1).indices
        selection = torch.zeros_like(allowed).scatter(1, best, True) & allowed
        return super().row_losses(positive, logits, selection, queries, passages)

    def worth(self, logits: Tensor, allowed: Tensor, passages: Tensor) -> Tensor:
        """Shape (B, N): u of every allowed negative."""
        share = torch.softmax(logits.masked_fill(~allowed, -torch.inf), dim=1).nan_to_num(0.0)
        weights = allowed.to(logits)
        near = passages @ passages.T
        near = near - torch.diag(torch.diag(near))
        typical = weights @ near / (weights.sum(dim=1, keepdim=True) - 1).clamp(min=1)
        parts = ((self.hard, logits), (self.uncertain, share * (1 - share)), (self.typical, typical))
        return sum((weight * _standard(values, weights) for weight, values in parts), torch.zeros_like(logits))


def _standard(values: Tensor, weights: Tensor) -> Tensor:
    """Standard scores within each row, over entries of weight 1; zero where a row does not vary."""
    count = weights.sum(dim=1, keepdim=True).clamp(min=1)
    mean = (values * weights).sum(dim=1, keepdim=True) / count
    spread = ((((values - mean) * weights) ** 2).sum(dim=1, keepdim=True) / count).sqrt()
    return torch.where(spread > 1e-9, (values - mean) / spread.clamp(min=1e-9), torch.zeros_like(values))

"""Hard negatives mixed in the vector space; they exist for one step and for no training file.

MoCHi (arXiv 2010.01028): from a query's hardest negatives, points between two of them, and points between one and the query, nearer to
the negative. Mixtures carry no gradient of their own and stand in the denominator only.
SSCL (arXiv 2304.02971) samples among such points and debiases the loss; only its abstract was available, so this sampling rule is new.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import normalize

from miner.train.losses.contrastive import Contrastive
from miner.train.losses.hard_contrastive import debiased
from miner.train.parts.knobs import check_numbers


class MixedNegatives(Contrastive):
    """InfoNCE with `pairs` mixtures of two of the `hardest` negatives and `towards` mixtures with the query, after `warmup` steps.

    h = norm(a n_i + (1 - a) n_j), a ~ U(0, 1);   h' = norm(b q + (1 - b) n_j), b ~ U(0, 0.5): nearer to the negative than to the query.
    """

    has_dot: ClassVar[bool] = False
    """Mixtures have unit length."""

    def __init__(
        self, model: Any, scale: float = 20.0, hardest: int = 16, pairs: int = 16, towards: int = 8, warmup: int = 0, seed: int = 0
    ) -> None:
        super().__init__(model, scale, seed)
        self.hardest, self.pairs, self.towards, self.warmup = hardest, pairs, towards, warmup
        check_numbers(self, "mochi")

    def negatives(self, logits: Tensor, allowed: Tensor, queries: Tensor, passages: Tensor) -> Tensor:
        """Shape (B, N + pairs + towards)."""
        plain = super().negatives(logits, allowed, queries, passages)
        if self.step < self.warmup:
            return plain
        mixed, is_valid = self.mixtures(plain.detach(), queries.detach(), passages.detach())
        added = self.scale * torch.einsum("bd,bmd->bm", queries, mixed)
        return torch.cat([plain, added.masked_fill(~is_valid, -torch.inf)], dim=1)

    def mixtures(self, plain: Tensor, queries: Tensor, passages: Tensor) -> tuple[Tensor, Tensor]:
        """Points (B, M, D) and which of them are valid (B, M): a row with one negative has no pair, a row without has no mixture."""
        best, places = plain.topk(min(self.hardest, plain.shape[1]), dim=1)
        counts = torch.isfinite(best).sum(dim=1)
        pool, draw = passages[places], self.draw()
        first, second, third = (self._pick(counts, count, draw) for count in (self.pairs, self.pairs, self.towards))
        second = torch.where(second == first, (first + 1) % counts.clamp(min=1)[:, None], second)
        alpha, beta = (torch.rand(len(queries), count, 1, generator=draw).to(pool) for count in (self.pairs, self.towards))
        beta = beta / 2
        between = alpha * _at(pool, first) + (1 - alpha) * _at(pool, second)
        nearer = beta * queries[:, None] + (1 - beta) * _at(pool, third)
        is_valid = torch.cat(
            [(counts >= minimum)[:, None].expand(-1, count) for minimum, count in ((2, self.pairs), (1, self.towards))], dim=1
        )
        return normalize(torch.cat([between, nearer], dim=1), dim=-1), is_valid

    def _pick(self, counts: Tensor, count: int, draw: torch.Generator) -> Tensor:
        """Shape (B, count): random positions below `counts` (B,)."""
        return (torch.rand(len(counts), count, generator=draw).to(counts.device) * counts[:, None]).long()


class SyntheticNegatives(MixedNegatives):
    """In the spirit of SSCL: of `pairs` mixtures the `kept` that contrast most are used, and the loss is debiased by `tau`.

    The contrast of a mixture is s(q, h) - mean s(n, h) over the hardest negatives: near the query, but unlike the other negatives.
    """

    def __init__(
        self,
        model: Any,
        scale: float = 20.0,
        hardest: int = 16,
        pairs: int = 32,
        kept: int = 8,
        tau: float = 0.01,
        warmup: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(model, scale, hardest, pairs, 0, warmup, seed)
        self.kept, self.tau = kept, tau
        check_numbers(self, "sscl")

    def mixtures(self, plain: Tensor, queries: Tensor, passages: Tensor) -> tuple[Tensor, Tensor]:
        """Points (B, kept, D) and which of them are valid (B, kept)."""
        mixed, is_valid = super().mixtures(plain, queries, passages)
        best, places = plain.topk(min(self.hardest, plain.shape[1]), dim=1)
        real = torch.isfinite(best).to(mixed)
        similarity = torch.einsum("bmd,bnd->bmn", mixed, passages[places]) * real[:, None]
        contrast = torch.einsum("bd,bmd->bm", queries, mixed) - similarity.sum(dim=2) / real.sum(dim=1, keepdim=True).clamp(min=1)
        selection = contrast.topk(min(self.kept, mixed.shape[1]), dim=1).indices
        return _at(mixed, selection), torch.gather(is_valid, 1, selection)

    def row_losses(self, positive: Tensor, logits: Tensor, allowed: Tensor, queries: Tensor, passages: Tensor) -> Tensor:
        """Shape (B,)."""
        return debiased(positive, self.negatives(logits, allowed, queries, passages), self.scale, 0.0, self.tau)


def _at(points: Tensor, places: Tensor) -> Tensor:
    """Points (B, N, D) at positions (B, M): (B, M, D)."""
    return torch.gather(points, 1, places[:, :, None].expand(-1, -1, points.shape[2]))

"""Hard negatives mixed in the vector space; they exist for one step and for no training file.

MoCHi (arXiv 2010.01028): from a query's hardest negatives, points between two of them, and points between one and the query, nearer to
the negative. Mixtures carry no gradient of their own and stand in the denominator only.
SSCL (arXiv 2304.02971) samples among such points and debiases the loss; only its abstract was at hand, so the sampling rule is ours.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from miner.train.losses.contrastive import Contrastive
from miner.train.losses.hard_contrastive import debiased


class MixedNegatives(Contrastive):
    """InfoNCE with `pairs` mixtures of two of the `hardest` negatives and `towards` mixtures with the query, after `warmup` steps.

    h = norm(a n_i + (1 - a) n_j), a ~ U(0, 1);   h' = norm(b q + (1 - b) n_j), b ~ U(0, 0.5): nearer to the negative than to the query.
    """

    def __init__(
        self, model: Any, scale: float = 20.0, hardest: int = 16, pairs: int = 16, towards: int = 8, warmup: int = 0, seed: int = 0
    ) -> None:
        super().__init__(model, scale, seed)
        self.hardest, self.pairs, self.towards, self.warmup = hardest, pairs, towards, warmup

    def negatives(self, logits: Tensor, allowed: Tensor, queries: Tensor, passages: Tensor) -> Tensor:
        """Shape (B, N + pairs + towards)."""
        plain = super().negatives(logits, allowed, queries, passages)
        if self.step < self.warmup:
            return plain
        mixed, there = self.mixtures(plain.detach(), queries.detach(), passages.detach())
        added = self.scale * torch.einsum("bd,bmd->bm", queries, mixed)
        return torch.cat([plain, added.masked_fill(~there, -torch.inf)], dim=1)

    def mixtures(self, plain: Tensor, queries: Tensor, passages: Tensor) -> tuple[Tensor, Tensor]:
        """Points (B, M, D) and which of them are there (B, M): a row with one negative has no pair, one without has nothing."""
        best, places = plain.topk(min(self.hardest, plain.shape[1]), dim=1)
        have = torch.isfinite(best).sum(dim=1)
        pool, draw = passages[places], self.draw()
        first, second, third = (self._pick(have, count, draw) for count in (self.pairs, self.pairs, self.towards))
        second = torch.where(second == first, (first + 1) % have.clamp(min=1)[:, None], second)
        alpha, beta = (torch.rand(len(queries), count, 1, generator=draw).to(pool) for count in (self.pairs, self.towards))
        beta = beta / 2
        between = alpha * _at(pool, first) + (1 - alpha) * _at(pool, second)
        nearer = beta * queries[:, None] + (1 - beta) * _at(pool, third)
        there = torch.cat([(have >= least)[:, None].expand(-1, count) for least, count in ((2, self.pairs), (1, self.towards))], dim=1)
        return normalize(torch.cat([between, nearer], dim=1), dim=-1), there

    def _pick(self, have: Tensor, count: int, draw: torch.Generator) -> Tensor:
        """Shape (B, count): places below `have`."""
        return (torch.rand(len(have), count, generator=draw).to(have.device) * have[:, None]).long()


class SyntheticNegatives(MixedNegatives):
    """In the spirit of SSCL: of `pairs` mixtures the `kept` that contrast most are used, and the loss is debiased by `tau`.

    A mixture contrasts by s(q, h) - mean s(n, h) over the hardest negatives: near the query, yet unlike the negatives there are already.
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

    def mixtures(self, plain: Tensor, queries: Tensor, passages: Tensor) -> tuple[Tensor, Tensor]:
        """Points (B, kept, D) and which of them are there (B, kept)."""
        mixed, there = super().mixtures(plain, queries, passages)
        best, places = plain.topk(min(self.hardest, plain.shape[1]), dim=1)
        real = torch.isfinite(best).to(mixed)
        others = torch.einsum("bmd,bnd->bmn", mixed, passages[places]) * real[:, None]
        contrast = torch.einsum("bd,bmd->bm", queries, mixed) - others.sum(dim=2) / real.sum(dim=1, keepdim=True).clamp(min=1)
        chosen = contrast.topk(min(self.kept, mixed.shape[1]), dim=1).indices
        return _at(mixed, chosen), torch.gather(there, 1, chosen)

    def row_losses(self, positive: Tensor, logits: Tensor, allowed: Tensor, queries: Tensor, passages: Tensor) -> Tensor:
        """Shape (B,)."""
        return debiased(positive, self.negatives(logits, allowed, queries, passages), self.scale, 0.0, self.tau)


def _at(points: Tensor, places: Tensor) -> Tensor:
    """Points (B, N, D) at places (B, M): (B, M, D)."""
    return torch.gather(points, 1, places[:, :, None].expand(-1, -1, points.shape[2]))

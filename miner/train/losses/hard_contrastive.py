"""Importance-weighted and debiased contrastive loss (HCL, arXiv 2010.04592; debiased: arXiv 2007.00224).

A harder negative weighs more, w = e^{beta s}, and the share tau of negatives that are positive in truth is taken out:

    R  = N Σ w e / Σ w,   Ng = max((R - tau N e+) / (1 - tau), N e^{-scale}),   loss = -log e+ / (e+ + Ng)

with e = e^{scale × cosine}. All in log space: e^20 squared does not fit a float16. beta 0 is the debiased loss, beta 0 and tau 0 InfoNCE.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor

from miner.train.losses.contrastive import Contrastive
from miner.train.parts.knobs import check_numbers


class HardContrastive(Contrastive):
    """HCL. tau: the chance that a negative is a positive: 0.1 for images; for a corpus of a million passages 0.01 at most."""

    has_dot: ClassVar[bool] = False
    """The floor N e^{-scale} is the smallest sum of N negatives for cosines alone."""

    def __init__(self, model: Any, scale: float = 20.0, beta: float = 1.0, tau: float = 0.01, seed: int = 0) -> None:
        super().__init__(model, scale, seed)
        self.beta, self.tau = beta, tau
        check_numbers(self, "hcl")

    def row_losses(self, positive: Tensor, logits: Tensor, allowed: Tensor, queries: Tensor, passages: Tensor) -> Tensor:
        """Shape (B,)."""
        return debiased(positive, self.negatives(logits, allowed, queries, passages), self.scale, self.beta, self.tau)


def debiased(positive: Tensor, against: Tensor, scale: float, beta: float, tau: float) -> Tensor:
    """Shape (B,): the loss of each row. positive (B,); against (B, N) logits of the negatives, -inf for none."""
    count = torch.isfinite(against).sum(dim=1).clamp(min=1)
    weight = beta * against if beta else torch.zeros_like(against).masked_fill(torch.isinf(against), -torch.inf)
    log_count = torch.log(count.to(against.dtype))
    mass = log_count + torch.logsumexp(weight + against, dim=1) - torch.logsumexp(weight, dim=1)
    if tau:
        floor = log_count - scale
        share = math.log(tau) + log_count + positive - mass
        log_ratio = torch.where(share < 0, share, torch.full_like(share, -1.0))  # where nothing is left, the floor stands
        mass = torch.where(share < 0, mass + torch.log(-torch.expm1(log_ratio)) - math.log(1 - tau), floor)
        mass = torch.maximum(mass, floor)
    return torch.logaddexp(positive, mass) - positive

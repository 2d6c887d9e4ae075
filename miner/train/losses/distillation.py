"""Losses that learn a teacher's scores beside the in-batch loss. KL divergence: Hinton et al., arXiv 1503.02531."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from miner.train.losses.contrastive import Contrastive
from miner.train.parts.knobs import check_numbers


class ContrastiveDistillation(Contrastive):
    """InfoNCE over the batch, and `weight` × the KL divergence from the teacher's softmax over a row's passages to the student's.

    Labels are the teacher's scores of a row's passages, shape (B, 1 + negatives), the positive's first. temperature: of the student's
    cosines; teacher: of the teacher's scores. bge-m3 (arXiv 2402.03216) adds a
    distillation loss to InfoNCE in this way.
    """

    has_dot: ClassVar[bool] = False

    def __init__(
        self, model: Any, scale: float = 20.0, weight: float = 1.0, temperature: float = 0.05, teacher: float = 1.0, seed: int = 0
    ) -> None:
        super().__init__(model, scale, seed)
        self.weight, self.temperature, self.teacher = weight, temperature, teacher
        check_numbers(self, "contrastive_kl")

    def compute_loss_from_embeddings(self, embeddings: list[Tensor], labels: Tensor | None = None, masked: Tensor | None = None) -> Tensor:
        """The mean loss; embeddings: (B, D) of anchors, positives, and each column of negatives."""
        shape = (len(embeddings[0]), len(embeddings) - 1)
        if labels is None or tuple(labels.shape) != shape:
            found = "none" if labels is None else str(tuple(labels.shape))
            wanted = f"labels of shape {shape}, the positive's first, are wanted, got {found}"
            raise ValueError(f"{type(self).__name__} learns a score of each passage: {wanted}")
        if shape[1] < 2:
            raise ValueError(f"{type(self).__name__} compares a row's passages, and the rows have no negative")
        query, *passages = (nn.functional.normalize(part, dim=-1) for part in embeddings)
        student = torch.stack([(query * part).sum(dim=-1) for part in passages], dim=1)
        divergence = divergences(student / self.temperature, labels.to(student) / self.teacher).mean()
        return super().compute_loss_from_embeddings(embeddings, masked=masked) + self.weight * self.temperature**2 * divergence


def divergences(student: Tensor, teacher: Tensor) -> Tensor:
    """Shape (B,): KL(softmax of the teacher's row ‖ softmax of the student's); both (B, N)."""
    target = torch.log_softmax(teacher.detach(), dim=1)
    return (target.exp() * (target - torch.log_softmax(student, dim=1))).sum(dim=1)

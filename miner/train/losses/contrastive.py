"""The row all our losses start from, and the plain loss: -log of the positive's share (InfoNCE, arXiv 1807.03748)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from miner.train.parts.knobs import check_numbers

SAME = 1 - 1e-5
"""Cosine from which a passage is a copy of the positive: another row's same positive is no negative."""


class Contrastive(nn.Module):
    """-log e^{s+} / (e^{s+} + Σ e^{s-}), s = scale × cosine, over all other passages of the batch but copies of the positive.

    A subclass changes `negatives`: which logits stand beside the positive's. `step` counts forward passes; a trainer that resumes sets it.
    similarity: of the logits; a SparseEncoder takes "dot", with scale 1. ValueError for a model that this loss cannot train.
    """

    has_dot: ClassVar[bool] = True
    """Whether the formula holds for dot products."""

    def __init__(self, model: Any, scale: float = 20.0, seed: int = 0, similarity: Literal["cosine", "dot"] = "cosine") -> None:
        super().__init__()
        self.model, self.scale, self.seed, self.step, self.similarity = model, scale, seed, 0, similarity
        check_numbers(self, "in_batch")
        self._check_model()

    def _check_model(self) -> None:
        kinds, loss = [kind.__name__ for kind in type(self.model).__mro__], type(self).__name__
        if self.similarity not in ("cosine", "dot"):
            raise ValueError(f"similarity is {self.similarity!r}; cosine or dot is wanted")
        if {"CrossEncoder", "MultiVectorEncoder"} & set(kinds):
            raise ValueError(f"{loss} compares one vector of each text, which a {kinds[0]} does not give: take one of its own losses")
        if "SparseEncoder" in kinds and self.similarity == "cosine":
            instead = "give" if self.has_dot else "take Contrastive, OnlineHard or Informative with"
            reason = "cosines do not change with a vector's length, which SpladeLoss makes sparse"
            raise ValueError(
                f"{loss} is on cosines, and a SparseEncoder needs dot products ({reason}): {instead} similarity='dot', scale=1.0"
            )

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor | None = None) -> Tensor:
        """The mean loss of the batch; one dict of features for each column."""
        return self.compute_loss_from_embeddings([self.model(features)["sentence_embedding"] for features in sentence_features], labels)

    def compute_loss_from_embeddings(self, embeddings: list[Tensor], labels: Tensor | None = None, masked: Tensor | None = None) -> Tensor:
        """The mean loss.

        embeddings: (B, D) of anchors, positives, and each column of negatives.
        masked: (B, N) of passages that are no negatives of the row; None: copies of the positive alone.
        """
        vectors = embeddings[0], torch.cat(embeddings[1:])
        queries, passages = (nn.functional.normalize(part, dim=-1) for part in vectors)
        rows = torch.arange(len(queries), device=queries.device)
        left, right = (queries, passages) if self.similarity == "cosine" else vectors
        logits = self.scale * left @ right.T
        allowed = ((passages[rows].detach() @ passages.detach().T) < SAME).index_put((rows, rows), torch.tensor(False, device=rows.device))
        if masked is not None:
            allowed = allowed & ~masked
        losses = self.row_losses(logits[rows, rows], logits, allowed, queries, passages)
        self.step += 1
        return losses[allowed.any(dim=1)].mean() if allowed.any() else logits.sum() * 0.0

    def row_losses(self, positive: Tensor, logits: Tensor, allowed: Tensor, queries: Tensor, passages: Tensor) -> Tensor:
        """Shape (B,). positive (B,), logits and allowed (B, N), queries (B, D), passages (N, D), of unit length."""
        against = self.negatives(logits, allowed, queries, passages)
        return torch.logsumexp(torch.cat([positive[:, None], against], dim=1), dim=1) - positive

    def negatives(self, logits: Tensor, allowed: Tensor, queries: Tensor, passages: Tensor) -> Tensor:
        """Shape (B, any): logits of the negatives in the denominator, -inf for none."""
        return logits.masked_fill(~allowed, -torch.inf)

    def get_config_dict(self) -> dict[str, float | str]:
        """For the model card."""
        numbers: dict[str, float | str] = {
            name: value for name, value in vars(self).items() if isinstance(value, int | float | bool) and name not in ("training", "step")
        }
        return numbers if self.similarity == "cosine" else {**numbers, "similarity": self.similarity}

    def draw(self) -> torch.Generator:
        """Return the random generator of this step: the same for the same seed and step."""
        return torch.Generator().manual_seed((self.seed * 1_000_003 + self.step) % 2**63)

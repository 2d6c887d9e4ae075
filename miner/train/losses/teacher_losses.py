"""Losses with a second model's vectors beside the batch: a guide that masks (GISTEmbed, arXiv 2402.16829), a teacher that is learnt.

The vectors come with the features of each column: `hardneg train` puts them there, and `hardneg.train.connect(trainer)` in a script.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from miner.train.losses.contrastive import Contrastive
from miner.train.losses.distillation import divergences
from miner.train.parts.knobs import check_numbers
from miner.train.teacher import POSITIVES, VECTORS, TeacherVectors


class WithTeacher(Contrastive):
    """The base: the in-batch loss of `scale`, with the teacher's vectors at hand. A subclass says what is learnt of them.

    teacher: a SentenceTransformer, an Encoder, or TeacherVectors.
    """

    has_dot: ClassVar[bool] = False

    def __init__(self, model: Any, teacher: Any, scale: float = 20.0, seed: int = 0) -> None:
        super().__init__(model, scale, seed)
        self.teacher_vectors = TeacherVectors.of(teacher)

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor | None = None) -> Tensor:
        """The mean loss of the batch; one dict of features for each column."""
        columns = list(sentence_features)
        if any(VECTORS not in features for features in columns):
            raise ValueError(f"{type(self).__name__} finds no vectors of its teacher: call hardneg.train.connect(trainer) before train()")
        teacher = [features.pop(VECTORS) for features in columns]
        positives = columns[0].pop(POSITIVES)
        return self.loss([self.model(features)["sentence_embedding"] for features in columns], teacher, positives)

    def loss(self, embeddings: list[Tensor], teacher: list[Tensor], positives: Tensor) -> Tensor:
        """The mean loss. embeddings, teacher: (B, D) of each column; positives (B, N): which passages are the anchor's known positives."""
        raise NotImplementedError


class Guided(WithTeacher):
    """The in-batch loss without passages that the guide places above the positive minus `margin`, and without known positives.

    relative: the margin is a share of the guide's score of the positive. known: whether positives of the training rows are masked.
    """

    def __init__(
        self, model: Any, guide: Any, scale: float = 20.0, margin: float = 0.0, relative: bool = False, known: bool = True, seed: int = 0
    ) -> None:
        super().__init__(model, guide, scale, seed)
        self.margin, self.relative, self.known = margin, relative, known
        check_numbers(self, "guided")

    def loss(self, embeddings: list[Tensor], teacher: list[Tensor], positives: Tensor) -> Tensor:
        """The mean loss over rows that have a negative left."""
        scores = similarities(teacher)
        rows = torch.arange(len(scores), device=scores.device)
        own = scores[rows, rows][:, None]
        mask = scores > own - (own.abs() * self.margin if self.relative else self.margin)
        return self.compute_loss_from_embeddings(embeddings, masked=mask | positives if self.known else mask)


class BatchDistillation(WithTeacher):
    """The in-batch loss, and `weight` × the KL divergence from the teacher's softmax over all passages of the batch to the student's.

    temperature: of the student's cosines; teacher_temperature: of the teacher's.
    """

    def __init__(
        self,
        model: Any,
        teacher: Any,
        scale: float = 20.0,
        weight: float = 1.0,
        temperature: float = 0.05,
        teacher_temperature: float = 0.05,
        seed: int = 0,
    ) -> None:
        super().__init__(model, teacher, scale, seed)
        self.weight, self.temperature, self.teacher_temperature = weight, temperature, teacher_temperature
        check_numbers(self, "batch_kl")

    def loss(self, embeddings: list[Tensor], teacher: list[Tensor], positives: Tensor) -> Tensor:
        """The mean loss; known positives of other rows are no negatives of the in-batch loss."""
        student = similarities(embeddings)
        divergence = divergences(student / self.temperature, similarities(teacher).to(student) / self.teacher_temperature).mean()
        contrast = self.compute_loss_from_embeddings(embeddings, masked=positives)
        return contrast + self.weight * self.temperature**2 * divergence


class EmbeddingDistillation(WithTeacher):
    """The student's vectors learn the teacher's, beside `contrast` × the in-batch loss (in the spirit of EmbedDistill, arXiv 2301.12005).

    Where both have the same dims, the mean squared distance of unit vectors; else, or with matrix=True, the mean squared difference of
    the cosines of all queries and passages of the batch.
    """

    def __init__(
        self, model: Any, teacher: Any, scale: float = 20.0, weight: float = 1.0, contrast: float = 0.0, matrix: bool = False, seed: int = 0
    ) -> None:
        super().__init__(model, teacher, scale, seed)
        self.weight, self.contrast, self.matrix = weight, contrast, matrix
        check_numbers(self, "embed_distill")

    def loss(self, embeddings: list[Tensor], teacher: list[Tensor], positives: Tensor) -> Tensor:
        """The mean loss over the texts, or pairs, of the batch."""
        if self.matrix or embeddings[0].shape[1] != teacher[0].shape[1]:
            student = similarities(embeddings)
            gap = ((student - similarities(teacher).to(student)) ** 2).mean()
        else:
            student = nn.functional.normalize(torch.cat(embeddings), dim=-1)
            gap = ((student - torch.cat(teacher).to(student)) ** 2).sum(dim=1).mean()
        contrast = self.contrast * self.compute_loss_from_embeddings(embeddings, masked=positives) if self.contrast else 0.0
        return self.weight * gap + contrast


def similarities(columns: list[Tensor]) -> Tensor:
    """Shape (B, N): cosines of the first column with all others, one after the other."""
    queries, passages = (nn.functional.normalize(part, dim=-1) for part in (columns[0], torch.cat(columns[1:])))
    return queries @ passages.T

"""Losses that learn from a teacher, each against a slow plain twin in float64."""

import math

import numpy as np
import pytest
import torch
from test_losses import SCALE, embeddings, info_nce, plain_rows

from miner.errors import ConfigError
from miner.train import TrainConfig
from miner.train.conflicts import check_parts
from miner.train.losses import Contrastive, ContrastiveDistillation


def softmax(values):
    weights = np.exp(np.asarray(values) - max(values))
    return weights / weights.sum()


def kl(student, teacher):
    return sum(t * math.log(t / s) for s, t in zip(softmax(student), softmax(teacher), strict=True))


def unit(part):
    return (part / part.norm(dim=1, keepdim=True)).detach().numpy()


@pytest.mark.parametrize(("weight", "temperature", "teacher"), [(1.0, 0.05, 1.0), (0.3, 0.5, 0.05), (7.0, 1.0, 3.0)])
def test_contrastive_kl_is_its_formula(weight, temperature, teacher):
    """In loops, and as the sum of our in-batch loss and sentence-transformers' DistillKLDivLoss."""
    from sentence_transformers.sentence_transformer.losses import DistillKLDivLoss
    from sentence_transformers.util import pairwise_cos_sim

    parts, labels = embeddings(4), torch.randn(6, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    rows = zip(plain_rows(parts), zip(*(unit(part) for part in parts), strict=True), labels.numpy(), strict=True)
    wanted = [
        info_nce(SCALE * q @ p, [SCALE * q @ n for n in others])
        + weight * temperature**2 * kl([own[0] @ each / temperature for each in own[1:]], scores / teacher)
        for (q, p, others), own, scores in rows
    ]
    loss = ContrastiveDistillation(None, SCALE, weight, temperature, teacher).compute_loss_from_embeddings(parts, labels)
    assert float(loss.detach()) == pytest.approx(np.mean(wanted), abs=1e-6)
    options = {"student_temperature": temperature, "teacher_temperature": teacher}
    theirs = DistillKLDivLoss(None, similarity_fct=pairwise_cos_sim, **options).compute_loss_from_embeddings(parts, labels)
    both = Contrastive(None, SCALE).compute_loss_from_embeddings(parts) + weight * theirs
    assert float(loss.detach()) == pytest.approx(float(both.detach()), abs=1e-6)
    loss.backward()
    assert all(torch.isfinite(part.grad).all() for part in parts)


def test_scores_that_do_not_fit_are_refused():
    """None, too few, rows without negatives, and numbers outside their ranges."""
    loss = ContrastiveDistillation(None)
    for labels, found in ((None, "got none"), (torch.zeros(6, 2), r"got \(6, 2\)")):
        with pytest.raises(ValueError, match=rf"labels of shape \(6, 3\), the positive's first, are wanted, {found}"):
            loss.compute_loss_from_embeddings(embeddings(4), labels)
    with pytest.raises(ValueError, match="the rows have no negative"):
        loss.compute_loss_from_embeddings(embeddings(2), torch.zeros(6, 1))
    with pytest.raises(ValueError, match=r"ContrastiveDistillation wants 0\.001 <= teacher <= 1000, got teacher=0"):
        ContrastiveDistillation(None, teacher=0)


@pytest.mark.parametrize("change", ["draw", "replace", "una"])
@pytest.mark.parametrize("loss", ["contrastive_kl", "distillation", "margin_mse"])
def test_changes_that_bring_negatives_are_refused_where_each_needs_a_label(change, loss):
    """In one sentence, before any work."""
    with pytest.raises(ConfigError, match=f"change '{change}' gives no labels, and loss '{loss}' needs one of each negative"):
        check_parts(TrainConfig.of(loss=loss, changes=(change,), use_negatives=1), None)

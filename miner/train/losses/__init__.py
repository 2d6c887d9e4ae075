"""Losses as torch modules: `loss=HardContrastive(model)` works in a plain sentence-transformers script.

Columns: anchor, positive, any number of negatives. All start from the same row: the query's
score with every passage of the batch, its own positive apart, copies of that positive masked.
"""

from miner.train.losses.contrastive import Contrastive
from miner.train.losses.distillation import ContrastiveDistillation
from miner.train.losses.hard_contrastive import HardContrastive
from miner.train.losses.mixing import MixedNegatives, SyntheticNegatives
from miner.train.losses.online import Informative, OnlineHard
from miner.train.losses.teacher_losses import BatchDistillation, EmbeddingDistillation, Guided

__all__ = [
    "BatchDistillation",
    "Contrastive",
    "ContrastiveDistillation",
    "EmbeddingDistillation",
    "Guided",
    "HardContrastive",
    "Informative",
    "MixedNegatives",
    "OnlineHard",
    "SyntheticNegatives",
]

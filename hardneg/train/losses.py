"""Losses as torch modules, for the trainers of sentence-transformers: see miner.train.losses."""

from miner.train.losses import (
    BatchDistillation,
    Contrastive,
    ContrastiveDistillation,
    EmbeddingDistillation,
    Guided,
    HardContrastive,
    Informative,
    MixedNegatives,
    OnlineHard,
    SyntheticNegatives,
)

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

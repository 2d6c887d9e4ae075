"""Losses as torch modules, for the trainers of sentence-transformers: see miner.train.losses."""

from miner.train.losses import (
    Contrastive,
    ContrastiveDistillation,
    HardContrastive,
    Informative,
    MixedNegatives,
    OnlineHard,
    SyntheticNegatives,
)

__all__ = ["Contrastive", "ContrastiveDistillation", "HardContrastive", "Informative", "MixedNegatives", "OnlineHard", "SyntheticNegatives"]

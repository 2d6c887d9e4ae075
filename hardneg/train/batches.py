"""Batch samplers for the trainers of sentence-transformers, and what they measure: see miner.train.batches."""

from miner.train.batches import HardExamples, HighLoss, TopicBatches
from miner.train.parts import TrainingContext
from miner.train.parts.batch_sampler import BatchLosses, RowLosses

__all__ = ["BatchLosses", "HardExamples", "HighLoss", "RowLosses", "TopicBatches", "TrainingContext"]

"""Batch samplers: which rows come together. Each is a factory for sentence-transformers' `batch_sampler=` argument.

`TopicBatches.of(vectors=…)`, `HighLoss.of(…)`, `HardExamples.of(losses=…)` return what the training arguments take.
"""

from miner.train.batches.hard_examples import HardExamples
from miner.train.batches.high_loss import HighLoss
from miner.train.batches.topics import TopicBatches

__all__ = ["HardExamples", "HighLoss", "TopicBatches"]

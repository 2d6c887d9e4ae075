"""Fine-tuning on any training file, and the loop of mining and training: see miner.train."""

from miner.train import Loop, LoopConfig, TrainConfig, TrainingResult, loop, train

__all__ = ["Loop", "LoopConfig", "TrainConfig", "TrainingResult", "loop", "train"]

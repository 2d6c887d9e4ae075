"""Fine-tuning on any training file, the loop of mining and training, and its parts in scripts of your own: see miner.train.

from hardneg.train import connect
from hardneg.train.losses import HardContrastive
from hardneg.train.batches import HighLoss
from hardneg.train.changes import WordDeletion
"""

from miner.train import Loop, LoopConfig, TrainConfig, TrainingResult, connect, loop, train

__all__ = ["Loop", "LoopConfig", "TrainConfig", "TrainingResult", "connect", "loop", "train"]

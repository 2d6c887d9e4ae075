"""Fine-tuning: sentence-transformers' own trainer on any training file, with our losses and batches, and the loop of mining and training.

`parts` holds the tables of losses, batch samplers and augmentations by name; what needs torch lies in `losses`, `batches`,
`callbacks` and `connection`, and is imported when a training begins.
"""

from miner.train.config import LoopConfig, TrainConfig
from miner.train.plain_script import connect
from miner.train.rounds import Loop, loop
from miner.train.training import TrainingResult, train

__all__ = ["Loop", "LoopConfig", "TrainConfig", "TrainingResult", "connect", "loop", "train"]

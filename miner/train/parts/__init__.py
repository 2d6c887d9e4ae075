"""The tables: losses, batch samplers, changes to a batch by name. A part is a frozen dataclass of knobs; calling it builds the real thing.

Nothing here imports torch before a part is called. The classes behind the parts work in a plain sentence-transformers script too.
"""

from miner.train.parts.batch_sampler import BATCH_SAMPLERS, Batches
from miner.train.parts.change import CHANGES, Change
from miner.train.parts.loss import LOSSES, Loss
from miner.train.parts.training_context import TrainingContext

__all__ = ["BATCH_SAMPLERS", "CHANGES", "LOSSES", "Batches", "Change", "Loss", "TrainingContext"]

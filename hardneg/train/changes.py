"""Changes to the rows of a batch, for `hardneg.train.connect`: see miner.train.augment, replace and draw."""

from miner.train.augment import Paraphrasing, Una, WordDeletion, WordSwaps
from miner.train.draw import NegativeDraws
from miner.train.replace import ReserveReplacement

__all__ = ["NegativeDraws", "Paraphrasing", "ReserveReplacement", "Una", "WordDeletion", "WordSwaps"]

"""Two runs compared: which negatives they share, what was gained and lost and why, how scores and ranks moved."""

from miner.comparison.both import compare
from miner.comparison.terminal import table

__all__ = ["compare", "table"]

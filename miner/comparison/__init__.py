"""Two runs compared: which negatives they share, what was gained and lost and why, how scores and ranks moved."""

from miner.comparison.compare_runs import compare
from miner.comparison.printout import table

__all__ = ["compare", "table"]

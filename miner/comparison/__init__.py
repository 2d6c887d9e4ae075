"""Comparison of two runs: shared negatives, gained and lost ones and why, and the change of scores and ranks."""

from miner.comparison.compare_runs import compare
from miner.comparison.printout import table

__all__ = ["compare", "table"]

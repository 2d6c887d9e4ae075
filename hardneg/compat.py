"""sentence-transformers' `mine_hard_negatives` on our engine: see miner.compat.

from hardneg.compat import mine_hard_negatives
"""

from miner.compat import PARITY, Repairs, mine_hard_negatives, repairing

__all__ = ["PARITY", "Repairs", "mine_hard_negatives", "repairing"]

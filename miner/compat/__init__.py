"""sentence-transformers' `mine_hard_negatives` on this project's engine: change one import.

    from miner.compat import mine_hard_negatives

The same signature, rows, columns, order, errors, warnings and printed text as sentence-transformers 6.2.0 for the same arguments.
Where the original is wrong, `Repairs` documents the behaviour instead, and `repairing` switches it.
"""

from miner.compat.function import mine_hard_negatives
from miner.compat.repairs import PARITY, Repairs, repairing

__all__ = ["PARITY", "Repairs", "mine_hard_negatives", "repairing"]

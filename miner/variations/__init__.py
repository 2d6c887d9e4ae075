"""Variations: further negatives, each made from the text of a negative that was mined and judged. Every kind makes one text of another.

What a kind makes is checked before it is written (`miner/runs/variations.py`): it lies no nearer to any positive than its origin, and the
filters that kept its origin keep it with its own score.
"""

from miner.types import Variation
from miner.variations.delete import WordDeletion
from miner.variations.paraphrase import Paraphrase
from miner.variations.reorder import SentenceOrder
from miner.variations.una import TfIdfReplacement

VARIATIONS: dict[str, type[Variation]] = {
    "delete": WordDeletion,
    "reorder": SentenceOrder,
    "una": TfIdfReplacement,
    "paraphrase": Paraphrase,
}

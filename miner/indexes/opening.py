"""Opens the index that a spec names, over vectors; `auto` is an index that suits the number of passages."""

from __future__ import annotations

from math import sqrt

from miner.indexes.exact import Exact
from miner.indexes.faiss_factory import Factory
from miner.indexes.index_spec import AUTO, EXACT
from miner.types import Floats, Similarity

EXACT_PASSAGES = 50_000
"""Up to so many passages exact search takes no longer than what an index takes to be built."""
LISTS_PER_ROOT = 4
"""Lists of an IVF index, in square roots of the number of passages: FAISS' guidelines name 4 to 16."""


def open_index(vectors: Floats, similarity: Similarity, index: str) -> Exact | Factory:
    """The index over vectors (U, D). ConfigError where FAISS cannot build it."""
    chosen = automatic(len(vectors)) if index == AUTO else index
    return Exact(vectors, similarity) if chosen == EXACT else Factory(vectors, similarity, chosen)


def automatic(passages: int, exact: int = EXACT_PASSAGES) -> str:
    """What `auto` means for so many passages: exact, or a factory string. exact: the most passages that are searched exactly."""
    return EXACT if passages <= exact else f"IVF{round(LISTS_PER_ROOT * sqrt(passages))},Flat"

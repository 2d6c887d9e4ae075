"""Where candidates come from. A source proposes passages for a query and scores any passage on the same scale."""

from miner.sources.bm25 import BM25
from miner.sources.dense import Dense
from miner.sources.fused import Fused
from miner.sources.recall import Recall
from miner.sources.spec import BM25Part, DensePart, SourcePart

__all__ = ["BM25", "SOURCES", "BM25Part", "Dense", "Fused", "Recall", "SourcePart"]

SOURCES: dict[str, type[SourcePart]] = {"dense": DensePart, "bm25": BM25Part}

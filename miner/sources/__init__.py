"""Where candidates come from. A source proposes passages for a query and scores any passage on the same scale."""

from miner.sources.dense import Dense

__all__ = ["Dense"]

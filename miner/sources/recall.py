"""Recall of an approximate index: of the true nearest, the share that it finds."""

from __future__ import annotations

from dataclasses import dataclass

from miner.types import RecallFields


@dataclass(frozen=True)
class Recall:
    """What an index finds. index: with its search settings. interval: 95 %, over queries. queries: of the sample."""

    index: str
    share: float
    interval: tuple[float, float]
    queries: int

    def describe(self) -> RecallFields:
        """For the manifest."""
        return {"index": self.index, "recall": self.share, "recall_interval": list(self.interval), "recall_queries": self.queries}

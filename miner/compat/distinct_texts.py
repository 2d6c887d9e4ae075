"""The dataset's rows as distinct texts: queries, corpus, and the positives of each query."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from miner.compat.arguments import Arguments
from miner.types import Ints


@dataclass(frozen=True)
class DistinctTexts:
    """Q distinct queries, N distinct passages, in order of first appearance; `positives[q]`: rows of the corpus, likewise."""

    queries: list[str]
    corpus: list[str]
    positives: list[list[int]]
    rows: int

    @classmethod
    def read(cls, arguments: Arguments) -> DistinctTexts:
        """Read the rows. The `corpus` argument comes first, then the positives it lacks; texts are equal only character by character."""
        (anchors, texts), corpus = arguments.rows, arguments.values["corpus"]
        passages = list(dict.fromkeys(texts if corpus is None else corpus + texts))
        row_of = {text: row for row, text in enumerate(passages)}
        positives_of: dict[Any, dict[int, None]] = {}
        for anchor, text in zip(anchors, texts, strict=True):
            positives_of.setdefault(anchor, {})[row_of[text]] = None
        pairs = cls(list(positives_of), passages, [list(rows) for rows in positives_of.values()], len(anchors))
        if len(pairs.queries) != len(anchors):
            arguments.say(f"Found {len(pairs.queries)} unique queries out of {len(anchors)} total queries.")
        if arguments.most_positives > 1:
            arguments.say(f"Found an average of {np.mean(arguments.positives_per_query):.3f} positives per query.")
        return pairs

    @cached_property
    def owners(self) -> Ints:
        """Shape (P,): the query of every (query, positive)."""
        return np.repeat(np.arange(len(self.queries)), list(map(len, self.positives)))

    @cached_property
    def positive_rows(self) -> Ints:
        """Shape (P,): the positive of every (query, positive)."""
        return np.array([row for rows in self.positives for row in rows], dtype=np.int64)

    @cached_property
    def starts(self) -> Ints:
        """Shape (Q + 1,): pairs of query q are starts[q] to starts[q + 1]."""
        return np.concatenate([[0], np.cumsum(list(map(len, self.positives)), dtype=np.int64)])

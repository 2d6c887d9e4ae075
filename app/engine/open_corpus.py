"""A corpus that is open: texts, vectors and index memory-mapped, ready to be asked. Requests that come at the same time are searched
together; the results are exact, so it does not matter who shares a search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from app.engine.batcher import Together
from miner.indexes import Exact, Factory
from miner.read.ids import Lookup, keys_of
from miner.sources import Dense
from miner.types import Floats, Ints, SearchResult, Texts, Vectors

Search = tuple[Floats, int]


class Laid(Dense):
    """The dense source over vectors that a job has laid out (app/jobs/index.py): nothing is read, encoded or copied."""

    def __init__(self, folder: Path, vectors: Vectors, index: str) -> None:
        self.similarity = self.scale = vectors.similarity
        self._told = vectors.describe()
        self.passage_rows, self.position = (np.load(folder / name, mmap_mode="r") for name in ("rows.npy", "position.npy"))
        self.passages = np.memmap(folder / "passages.f32", dtype=np.float32, mode="r", shape=(len(self.passage_rows), vectors.dim))
        self.queries = np.empty((0, vectors.dim), dtype=np.float32)
        exact = index == "exact"
        self.index = Exact(self.passages, self.similarity) if exact else Factory(self.passages, self.similarity, index)
        self.recall = None


class Asked(Dense):
    """The same source with the queries of one request."""

    def __init__(self, source: Dense, queries: Floats, together: Together[Search, SearchResult]) -> None:
        self.__dict__.update(source.__dict__)
        self.queries, self._search_together, self._source = queries, together, source

    @property
    def lengths(self) -> Floats:
        """Shape (U,): the lengths of the passages' vectors, measured once for all requests."""
        return self._source.lengths

    def retrieve(self, queries: Ints, depth: int) -> SearchResult:
        """Rows (B, K), scores (B, K), best first; found together with what others ask at the same time."""
        return self._search_together((self.queries[queries], min(depth, len(self.passages))))


@dataclass(frozen=True)
class OpenCorpus:
    """A corpus with its vectors and its index. name: for messages."""

    name: str
    texts: Texts
    source: Dense

    def asked(self, queries: Floats) -> Asked:
        """The source with these queries (Q, D)."""
        return Asked(self.source, queries, self._together)

    @cached_property
    def by_id(self) -> Lookup:
        """Rows by id."""
        keys = [keys_of(batch.column("id").to_pylist()) for batch in self.texts.batches()]
        return Lookup(np.concatenate(keys), self.texts.ids)

    @cached_property
    def _together(self) -> Together[Search, SearchResult]:
        return Together(self._found)

    def _found(self, asks: Sequence[Search]) -> list[SearchResult]:
        answers: list[SearchResult | None] = [None] * len(asks)
        for depth in {depth for _, depth in asks}:
            places = [place for place, ask in enumerate(asks) if ask[1] == depth]
            vectors = np.concatenate([asks[place][0] for place in places])
            rows, scores, _ = Dense.retrieve(Asked(self.source, vectors, self._together), np.arange(len(vectors)), depth)
            cuts = np.cumsum([len(asks[place][0]) for place in places])[:-1]
            for place, some, their in zip(places, np.split(rows, cuts), np.split(scores, cuts), strict=True):
                answers[place] = SearchResult(some, their)
        return answers  # type: ignore[return-value]  # every place was filled


def open_laid(name: str, folder: Path, vectors: Vectors, index: str) -> OpenCorpus:
    """A version of a stored corpus."""
    opened = OpenCorpus(name, Texts(folder / "corpus.arrow"), Laid(folder, vectors, index))
    opened.by_id  # noqa: B018 - made now, not by the first request
    return opened

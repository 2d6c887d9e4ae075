"""An open corpus: texts, vectors and index, memory-mapped. Simultaneous requests are searched in one batch; the results are exact, so the
batch does not change them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from app.engine.batcher import Batcher
from miner.indexes import open_index
from miner.io.array_files import map_array, map_raw
from miner.read.ids import Lookup, xxh_keys
from miner.sources import Dense
from miner.types import Floats, Ints, SearchResult, Texts, Vectors

SearchRequest = tuple[Floats, int]


class StoredSource(Dense):
    """The dense source over the vector files that a job has written (app/jobs/index.py): nothing is read, encoded or copied."""

    def __init__(self, folder: Path, vectors: Vectors, index: str) -> None:
        self.similarity = self.scale = vectors.similarity
        self._description = vectors.describe()
        self.passage_rows, self.position = (map_array(folder / name) for name in ("rows.npy", "position.npy"))
        self.passages = map_raw(folder / "passages.f32", (len(self.passage_rows), vectors.dim))
        self.queries = np.empty((0, vectors.dim), dtype=np.float32)
        self.index = open_index(self.passages, self.similarity, index)
        self.recall = None


class RequestSource(Dense):
    """The same source with the queries of one request."""

    def __init__(self, source: Dense, queries: Floats, batcher: Batcher[SearchRequest, SearchResult]) -> None:
        self.__dict__.update(source.__dict__)
        self.queries, self._batched_search, self._source = queries, batcher, source

    @property
    def lengths(self) -> Floats:
        """Shape (U,): the lengths of the passages' vectors, measured once for all requests."""
        return self._source.lengths

    def retrieve(self, queries: Ints, depth: int) -> SearchResult:
        """Rows (B, K) and scores (B, K), best first, searched in a batch with simultaneous requests."""
        return self._batched_search((self.queries[queries], min(depth, len(self.passages))))


@dataclass(frozen=True)
class OpenCorpus:
    """A corpus with its vectors and its index. name: for messages."""

    name: str
    texts: Texts
    source: Dense

    def with_queries(self, queries: Floats) -> RequestSource:
        """The source with these queries (Q, D)."""
        return RequestSource(self.source, queries, self._batcher)

    @cached_property
    def by_id(self) -> Lookup:
        """Rows by id."""
        keys = [xxh_keys(batch.column("id").to_pylist()) for batch in self.texts.batches()]
        return Lookup(np.concatenate(keys), self.texts.ids)

    @cached_property
    def _batcher(self) -> Batcher[SearchRequest, SearchResult]:
        return Batcher(self._search)

    def _search(self, searches: Sequence[SearchRequest]) -> list[SearchResult]:
        results: list[SearchResult | None] = [None] * len(searches)
        for depth in {depth for _, depth in searches}:
            members = [number for number, search in enumerate(searches) if search[1] == depth]
            vectors = np.concatenate([searches[number][0] for number in members])
            rows, scores, _ = Dense.retrieve(RequestSource(self.source, vectors, self._batcher), np.arange(len(vectors)), depth)
            cuts = np.cumsum([len(searches[number][0]) for number in members])[:-1]
            for number, own_rows, own_scores in zip(members, np.split(rows, cuts), np.split(scores, cuts), strict=True):
                results[number] = SearchResult(own_rows, own_scores)
        return results  # type: ignore[return-value]  # every element is set


def open_stored(name: str, folder: Path, vectors: Vectors, index: str) -> OpenCorpus:
    """A version of a stored corpus."""
    corpus = OpenCorpus(name, Texts(folder / "corpus.arrow"), StoredSource(folder, vectors, index))
    corpus.by_id  # noqa: B018 - computed now, not by the first request
    return corpus

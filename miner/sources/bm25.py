"""The lexical source: BM25 over the words of title and text. It finds what shares rare words, which vectors often miss.

Passages are laid out as the dense source lays them out: by id, equal texts once, so that a position is a tie-break. A passage that
shares no term with the query scores 0 and is never proposed.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from miner.sources.dense import distinct
from miner.sources.postings import Postings, QueryTerms, best, build
from miner.sources.tokens import terms
from miner.types import BM25Description, Dataset, Floats, Ints, Rows, SearchResult, SourceDescription, Texts

SAMPLE = 1024
BATCH = 8192


class BM25:
    """Candidates by shared words."""

    scale = "bm25"
    similarity = "bm25"
    passages = queries = lengths = None
    """It has no vectors."""

    def __init__(self, dataset: Dataset, work: Path, k1: float = 0.9, b: float = 0.4) -> None:
        """`work` holds the index, memory-mapped. k1: how soon more of the same word stops to count; b: how much length counts against."""
        self.passage_rows, self.position = distinct(dataset.corpus)
        self._postings, vocabulary = build(_of(dataset.corpus, self.passage_rows), work, k1, b)
        self._queries = _Queries(_of(dataset.queries, np.arange(len(dataset.queries))), vocabulary)
        self._sample = self._postings.sample(max(1, len(self.passage_rows) // SAMPLE))
        self._description: BM25Description = {
            "source": "bm25",
            "k1": k1,
            "b": b,
            "terms": len(vocabulary),
            "content": _content(self._postings, vocabulary),
        }

    def retrieve(self, queries: Ints, depth: int) -> SearchResult:
        """Rows int32 (B, K), scores float32 (B, K), K = min(depth, distinct passages): best first, ties by id; -1 and NaN behind."""
        depth = min(depth, len(self.passage_rows))
        rows, scores = np.full((len(queries), depth), -1, dtype=np.int32), np.full((len(queries), depth), np.nan, dtype=np.float32)
        for place, query in enumerate(queries.tolist()):
            all_scores = self._postings.scores(self._queries[query])
            positions = best(all_scores, depth)
            rows[place, : len(positions)], scores[place, : len(positions)] = self.passage_rows[positions], all_scores[positions]
        return SearchResult(rows, scores)

    def score(self, queries: Ints, rows: Rows) -> Floats:
        """Scores float32 (B, P) of corpus rows (-1: NaN), the same bits as from `retrieve`."""
        out = np.full(rows.shape, np.nan, dtype=np.float32)
        for place, query in enumerate(queries.tolist()):
            is_present = rows[place] >= 0
            out[place, is_present] = self._postings.score(self._queries[query], self.position[rows[place, is_present]])
        return out

    def above(self, queries: Ints, reference: Floats) -> NDArray[np.float64]:
        """Shape (B,): about how many passages score above `reference` (B,), from an even sample of some 1,024."""
        counts = [
            (self._sample.scores(self._queries[query]) > low).sum() for query, low in zip(queries.tolist(), reference.tolist(), strict=True)
        ]
        return np.array(counts, dtype=np.float64) * (self._postings.count / max(1, self._sample.count))

    def describe(self) -> list[SourceDescription]:
        """Settings, and a hash of terms and weights, for the manifest."""
        return [self._description]


def _of(texts: Texts, rows: Ints | Rows) -> Iterator[Iterator[str]]:
    for start in range(0, len(rows), BATCH):
        yield from map(terms, texts.texts(rows[start : start + BATCH]))


class _Queries:
    """The known terms of every query, rising, and how often each stands in it: as two flat arrays."""

    def __init__(self, texts: Iterable[Iterable[str]], vocabulary: Mapping[str, int]) -> None:
        terms, times, self._ends = array("i"), array("i"), array("q", [0])
        for text in texts:
            counted = sorted(Counter(vocabulary[term] for term in text if term in vocabulary).items())
            terms.extend(term for term, _ in counted)
            times.extend(count for _, count in counted)
            self._ends.append(len(terms))
        self._terms, self._times = terms, times

    def __getitem__(self, query: int) -> QueryTerms:
        span = slice(self._ends[query], self._ends[query + 1])
        return list(zip(self._terms[span], self._times[span], strict=True))


def _content(postings: Postings, vocabulary: Mapping[str, int]) -> str:
    digest = hashlib.sha256()
    for values in (postings.weights, postings.passages, postings.indptr):
        digest.update(np.ascontiguousarray(values).view(np.uint8).data)
    digest.update("\n".join(vocabulary).encode())
    return digest.hexdigest()

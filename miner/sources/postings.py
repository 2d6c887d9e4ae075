"""Term weights by term, memory-mapped, and their sums per query: exact, and bit-identical regardless of batching.

The weights are made and laid out by bm25s (a sparse matrix, one column per term); adding up and choosing is ours, because an order
that does not depend on chance needs ties by position, and a pair must have the same score in `retrieve` and in `score`: weights
are added in float32, terms in ascending order.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from miner.io.array_files import create_raw, map_array, write_array
from miner.sources.scoring import order_keys
from miner.types import Floats, Ints, Rows

QueryTerms = Sequence[tuple[int, int]]
"""(term, how often it stands in the query), terms rising."""

FREQUENT = 16
"""A term of more than one passage in so many is also kept as a full row: adding a row is ten times faster than scattering."""


TINY = float(np.finfo(np.float32).tiny)


class Postings:
    """Weights of T terms in N passages: those of term t are `weights[indptr[t]:indptr[t + 1]]`, in passages of rising position."""

    def __init__(self, weights: Floats, passages: Rows, indptr: Ints, count: int, full: Floats, full_row: Mapping[int, int]) -> None:
        """`full` float32 (F, N): the rows of frequent terms; `full_row`: where in it a term stands."""
        self.weights, self.passages, self.indptr, self.count = weights, passages, indptr, count
        self._full, self._full_row = full, full_row

    @classmethod
    def of(cls, weights: Floats, passages: Rows, indptr: Ints, count: int, file: Path | None = None) -> Postings:
        """With the rows of frequent terms made, in `file` if one is given."""
        frequent = np.flatnonzero(np.diff(indptr) * FREQUENT > count).tolist()
        shape = (len(frequent), count)
        full: Floats = create_raw(file, shape) if file and frequent else np.zeros(shape, np.float32)
        for row, term in enumerate(frequent):
            span = slice(int(indptr[term]), int(indptr[term + 1]))
            full[row, passages[span]] = weights[span]
        return cls(weights, passages, indptr, count, np.asarray(full), {term: row for row, term in enumerate(frequent)})

    def scores(self, query: QueryTerms) -> Floats:
        """Shape (N,): the score of every passage."""
        out = np.zeros(self.count, dtype=np.float32)
        for term, times in query:
            if term in self._full_row:
                row = self._full[self._full_row[term]]
                out += row if times == 1 else row * np.float32(times)
            else:
                span = slice(int(self.indptr[term]), int(self.indptr[term + 1]))
                out[self.passages[span]] += self.weights[span] * np.float32(times)
        return out

    def score(self, query: QueryTerms, positions: Rows) -> Floats:
        """Shape (K,): the same for some passages only, bit for bit."""
        out = np.zeros(len(positions), dtype=np.float32)
        for term, times in query:
            if term in self._full_row:
                weights = self._full[self._full_row[term]][positions]
            else:
                span = slice(int(self.indptr[term]), int(self.indptr[term + 1]))
                passages = self.passages[span]
                at = np.minimum(np.searchsorted(passages, positions), len(passages) - 1)
                weights = np.where(passages[at] == positions, self.weights[span][at], np.float32(0))
            out += weights * np.float32(times)
        return out

    def sample(self, step: int) -> Postings:
        """Of every `step`-th passage only."""
        is_sampled = self.passages % step == 0
        indptr = np.concatenate([[0], np.cumsum(is_sampled)])[self.indptr].astype(np.int64)
        return Postings.of(self.weights[is_sampled], (self.passages[is_sampled] // step).astype(np.int32), indptr, -(-self.count // step))


def best(scores: Floats, depth: int) -> Ints:
    """Positions of at most `depth` passages that share a term with the query, best first, ties by position."""
    positions = np.flatnonzero(scores >= max(_guess(scores, depth), TINY))
    if len(positions) < depth:  # the guess was too high
        positions = np.flatnonzero(scores > 0)
    if len(positions) > 4 * depth:
        positions = positions[scores[positions] >= np.partition(scores[positions], -depth)[-depth]]
    order = np.argsort(order_keys(scores[positions], positions))[:depth]
    top: Ints = positions[order]
    return top


def _guess(scores: Floats, depth: int) -> float:
    """A score that some two times `depth` passages reach, from an even sample: sorting few is what makes choosing fast."""
    sample = scores[::16]
    sample_depth = depth // 8 + 8
    return float(np.partition(sample, -sample_depth)[-sample_depth]) if sample_depth < len(sample) else 0.0


def build(texts: Iterable[Iterable[str]], folder: Path, k1: float, b: float) -> tuple[Postings, dict[str, int]]:
    """The postings of passages, each given by its terms, memory-mapped in `folder`; and the number of every term."""
    vocabulary: dict[str, int] = {}
    flat, ends = array("i"), array("q", [0])
    for text in texts:
        flat.extend(vocabulary.setdefault(term, len(vocabulary)) for term in text)
        ends.append(len(flat))
    weights, passages, indptr = _weighed(_Ragged(np.frombuffer(flat, np.int32) if flat else np.empty(0, np.int32), ends), vocabulary, k1, b)
    files: dict[str, NDArray[Any]] = {"weights": weights, "passages": passages, "indptr": indptr}
    weights, passages, indptr = (_mapped(folder / f"{name}.npy", values) for name, values in files.items())
    return Postings.of(weights, passages, indptr, len(ends) - 1, folder / "frequent.f32"), vocabulary


class _Ragged(Sequence[Any]):
    """Terms of each passage, made into a list when asked for: never all of them as Python objects."""

    def __init__(self, flat: Rows, ends: Sequence[int]) -> None:
        self._flat, self._ends = flat, ends

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, place: Any) -> list[int]:
        return list(self._flat[self._ends[place] : self._ends[place + 1]].tolist())

    def __iter__(self) -> Iterator[list[int]]:
        return map(self.__getitem__, range(len(self)))


def _weighed(passages: _Ragged, vocabulary: Mapping[str, int], k1: float, b: float) -> tuple[Floats, Rows, Ints]:
    """BM25 as Lucene has it: idf = ln(1 + (N - df + .5) / (df + .5)), tf / (tf + k1 (1 - b + b length / mean length))."""
    import bm25s

    if not vocabulary:
        return np.empty(0, np.float32), np.empty(0, np.int32), np.zeros(1, np.int64)
    library = bm25s.BM25(k1=k1, b=b, method="lucene", backend="numpy", csc_backend="numpy")
    index: Mapping[str, NDArray[Any]] = library.build_index_from_ids(list(vocabulary.values()), passages, show_progress=False)
    return index["data"].astype(np.float32), index["indices"].astype(np.int32), index["indptr"].astype(np.int64)


def _mapped(path: Path, values: NDArray[Any]) -> NDArray[Any]:
    """The same values, read from a file when they are needed."""
    write_array(path, values)
    return np.asarray(map_array(path)) if len(values) else values

"""Matches (query, passage) pairs of two runs by id: a pair has one key in both, whatever its rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from miner.types import Dataset, Ints, Texts


class PassageCounts(TypedDict):
    """Passages of each corpus, and passages whose id is in both."""

    first: int
    second: int
    common: int


class SharedCounts(TypedDict):
    """Queries of each run, queries whose id is in both, and those of them whose texts differ."""

    first: int
    second: int
    common: int
    other_text: int
    passages: PassageCounts


@dataclass(frozen=True)
class Pairs:
    """(query, passage) pairs without duplicates, by ascending key.

    ranks: 1-based, 0 where the passage was not retrieved. places: 0-based, the order of choice.
    """

    keys: Ints
    scores: NDArray[np.float64]
    ranks: Ints
    places: Ints


class Space:
    """Keys of pairs in both runs: rows of the first run, then the rows of the second whose ids the first does not have."""

    def __init__(self, first: Dataset, second: Dataset) -> None:
        self.datasets = (first, second)
        self.queries = (np.arange(len(first.queries)), _match_ids(first.queries, second.queries))
        self.passages = (np.arange(len(first.corpus)), _match_ids(first.corpus, second.corpus))
        self.width = len(first.corpus) + len(second.corpus)
        self.common = np.intersect1d(*self.queries)

    def keys(self, side: int, queries: NDArray[Any], rows: NDArray[Any]) -> Ints:
        """The key of each pair, from its query and passage rows in one run."""
        keys: Ints = self.queries[side][queries] * self.width + self.passages[side][rows]
        return keys

    def rows(self, side: int, keys: Ints) -> tuple[Ints, Ints]:
        """Query rows and passage rows of these pairs in one run, which must hold them."""
        return _positions(self.queries[side], keys // self.width), _positions(self.passages[side], keys % self.width)

    def has(self, side: int, keys: Ints) -> NDArray[np.bool_]:
        """True for each pair whose passage is in the corpus of one run."""
        in_corpus: NDArray[np.bool_] = np.isin(keys % self.width, self.passages[side])
        return in_corpus

    def describe(self) -> SharedCounts:
        """Numbers of queries and passages, of those with common ids, and of common ids with different texts."""
        first, second = (dataset.queries.texts(rows) for dataset, rows in zip(self.datasets, self._rows(), strict=True))
        return {
            "first": len(self.queries[0]),
            "second": len(self.queries[1]),
            "common": self.common.size,
            "other_text": sum(first_text != second_text for first_text, second_text in zip(first, second, strict=True)),
            "passages": {"first": len(self.passages[0]), "second": len(self.passages[1]), "common": np.intersect1d(*self.passages).size},
        }

    def _rows(self) -> tuple[Ints, Ints]:
        return self.common, _positions(self.queries[1], self.common)


def _positions(joined: Ints, numbers: Ints) -> Ints:
    """The position in `joined` of each number."""
    order = np.argsort(joined, kind="stable")
    return order[np.searchsorted(joined[order], numbers)]


def _match_ids(first: Texts, second: Texts) -> Ints:
    """The row of `first` with the same id for every row of `second`, or a number above all rows of `first`."""
    ids = [pa.chunked_array([batch.column("id") for batch in texts.batches()], type=pa.string()) for texts in (first, second)]
    matches = pc.index_in(ids[1], value_set=ids[0]).combine_chunks()
    rows: Ints = np.asarray(pc.fill_null(matches, -1)).astype(np.int64)
    return np.where(rows < 0, len(first) + np.arange(len(rows)), rows)


def pairs_of(keys: NDArray[Any], scores: NDArray[Any], ranks: NDArray[Any], places: NDArray[Any]) -> Pairs:
    """The pairs without duplicates: where several anchors of a query chose a passage, the one with the first place counts."""
    order = np.lexsort((places, keys))
    _, first = np.unique(keys[order], return_index=True)
    selection = order[first]
    pair_keys, pair_ranks, pair_places = (array[selection].astype(np.int64) for array in (keys, ranks, places))
    return Pairs(pair_keys, scores[selection].astype(np.float64), pair_ranks, pair_places)


def within(pairs: Pairs, space: Space) -> Pairs:
    """The pairs of the common queries."""
    is_common = np.isin(pairs.keys // space.width, space.common)
    return Pairs(pairs.keys[is_common], pairs.scores[is_common], pairs.ranks[is_common], pairs.places[is_common])


def query_of(keys: Ints, space: Space) -> Ints:
    """The position of each pair's query among the common queries."""
    return np.searchsorted(space.common, keys // space.width)

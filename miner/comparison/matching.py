"""Pairs of a query and a passage that mean the same in two runs, whatever their rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from miner.types import Dataset, Ints, Texts

Told = dict[str, Any]


@dataclass(frozen=True)
class Pairs:
    """(query, passage) pairs by key, rising and each once; places: 0 is the first choice; ranks 0: beyond what was retrieved."""

    keys: Ints
    scores: NDArray[np.float64]
    ranks: Ints
    places: Ints


class Space:
    """Keys that mean the same pair in both runs: rows of the first, then those of the second that the first does not have."""

    def __init__(self, first: Dataset, second: Dataset) -> None:
        self.datasets = (first, second)
        self.queries = (np.arange(len(first.queries)), _joined(first.queries, second.queries))
        self.passages = (np.arange(len(first.corpus)), _joined(first.corpus, second.corpus))
        self.width = len(first.corpus) + len(second.corpus)
        self.common = np.intersect1d(*self.queries)

    def keys(self, side: int, queries: NDArray[Any], rows: NDArray[Any]) -> Ints:
        """The key of each pair of rows of one side."""
        keys: Ints = self.queries[side][queries] * self.width + self.passages[side][rows]
        return keys

    def rows(self, side: int, keys: Ints) -> tuple[Ints, Ints]:
        """Query and passage rows of one side that has these pairs."""
        return _back(self.queries[side], keys // self.width), _back(self.passages[side], keys % self.width)

    def has(self, side: int, keys: Ints) -> NDArray[np.bool_]:
        """Which pairs are made of passages that one side's corpus holds."""
        held: NDArray[np.bool_] = np.isin(keys % self.width, self.passages[side])
        return held

    def describe(self) -> Told:
        """How many queries and passages each has, and how many they share by id; texts that differ under the same id."""
        same = [np.intersect1d(*self.passages).size, self.common.size]
        first, second = (dataset.queries.texts(rows) for dataset, rows in zip(self.datasets, self._rows(), strict=True))
        return {
            "first": len(self.queries[0]),
            "second": len(self.queries[1]),
            "common": int(same[1]),
            "other_text": sum(one != other for one, other in zip(first, second, strict=True)),
            "passages": {"first": len(self.passages[0]), "second": len(self.passages[1]), "common": int(same[0])},
        }

    def _rows(self) -> tuple[Ints, Ints]:
        return self.common, _back(self.queries[1], self.common)


def _back(joined: Ints, wanted: Ints) -> Ints:
    """The row at which each wanted number stands."""
    order = np.argsort(joined, kind="stable")
    return order[np.searchsorted(joined[order], wanted)]


def _joined(first: Texts, second: Texts) -> Ints:
    """For every row of `second` the row of `first` with its id, or a number behind all of them."""
    ids = [pa.chunked_array([batch.column("id") for batch in texts.batches()], type=pa.string()) for texts in (first, second)]
    found = pc.index_in(ids[1], value_set=ids[0]).combine_chunks()
    at: Ints = np.asarray(pc.fill_null(found, -1)).astype(np.int64)
    return np.where(at < 0, len(first) + np.arange(len(at)), at)


def pairs_of(keys: NDArray[Any], scores: NDArray[Any], ranks: NDArray[Any], places: NDArray[Any]) -> Pairs:
    """Each pair once; of several anchors of a query the one that chose it first."""
    order = np.lexsort((places, keys))
    _, first = np.unique(keys[order], return_index=True)
    taken = order[first]
    key, rank, place = (array[taken].astype(np.int64) for array in (keys, ranks, places))
    return Pairs(key, scores[taken].astype(np.float64), rank, place)


def within(pairs: Pairs, space: Space) -> Pairs:
    """The pairs of queries that both runs have."""
    inside = np.isin(pairs.keys // space.width, space.common)
    return Pairs(pairs.keys[inside], pairs.scores[inside], pairs.ranks[inside], pairs.places[inside])


def query_of(keys: Ints, space: Space) -> Ints:
    """The place of each pair's query among the common ones."""
    return np.searchsorted(space.common, keys // space.width)

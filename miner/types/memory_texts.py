"""Texts that lie in memory, by themselves or after those of a corpus: the variations of a block of negatives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from miner.types.arrays import Ints, Rows
from miner.types.texts import Texts


class MemoryTexts(Texts):
    """n texts with ids and without titles, in memory."""

    def __init__(self, ids: Sequence[str], texts: Sequence[str]) -> None:
        self._columns: dict[str, Sequence[Any]] = {"id": ids, "text": texts}
        self._length = len(texts)

    def column(self, name: str, rows: Sequence[int] | Ints | Rows) -> list[Any]:
        """Values of one column at `rows`; None in a column other than id and text."""
        values = self._columns.get(name)
        return [None if values is None else values[row] for row in np.asarray(rows, dtype=np.int64).tolist()]

    def all_texts(self) -> Iterator[list[str]]:
        """All texts at once."""
        yield list(self._columns["text"])


class ExtendedTexts(Texts):
    """A corpus of N texts with `more` after it: row N is the first of them."""

    def __init__(self, corpus: Texts, more: MemoryTexts) -> None:
        self._corpus, self._more = corpus, more
        self._length = len(corpus) + len(more)

    def column(self, name: str, rows: Sequence[int] | Ints | Rows) -> list[Any]:
        """Values of one column at `rows`, in the order asked for."""
        indices, first = np.asarray(rows, dtype=np.int64), len(self._corpus)
        stored = iter(self._corpus.column(name, indices[indices < first]))
        added = iter(self._more.column(name, indices[indices >= first] - first))
        return [next(stored) if row < first else next(added) for row in indices.tolist()]

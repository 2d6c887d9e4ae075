"""Rows that are not in the training file: anchors with fewer negatives than a row of its format needs, one JSON line each, by query id.

{"query_id", "query", "positive_ids", "negatives": how many it has, "wanted", "dropped": {filter: how many of its candidates}}
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
import orjson

from miner.types import Candidates, Codes, Dataset, Ints, Negatives

FILE = "left_out.jsonl"


class LeftOut:
    """The side file, made when the first row comes. `pairs`: how many (query, positive) pairs are in it.

    filters: names in the order they ran. least: negatives a row needs. Use it as a context: leaving it closes the file.
    """

    def __init__(self, path: Path, dataset: Dataset, filters: Sequence[str], wanted: int, least: int) -> None:
        self._path, self._dataset, self._filters, self._wanted, self._least = path, dataset, list(filters), wanted, least
        self._rank: Ints = dataset.queries.id_rank.astype(np.int64)
        self._file: BinaryIO | None = None
        self.pairs = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *rest: object) -> None:
        if self._file:
            self._file.close()

    def add(self, parts: Sequence[tuple[Candidates, Codes, Negatives]]) -> None:
        """Write those of one block: its anchors, what became of each candidate (B, K; 0 kept, 255 padding), and their negatives."""
        lines = [
            (int(self._rank[negatives.queries[place]]), self._row(place, dropped, negatives))
            for _, dropped, negatives in parts
            for place in np.flatnonzero(negatives.found < self._least).tolist()
        ]
        for _, line in sorted(lines, key=lambda one: one[0]):
            if self._file is None:
                self._file = self._path.open("wb")
            self._file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def _row(self, place: int, dropped: Codes, negatives: Negatives) -> dict[str, object]:
        query = int(negatives.queries[place])
        positives = negatives.positives[place][negatives.positives[place] >= 0]
        self.pairs += len(positives)
        counts = np.bincount(dropped[place], minlength=256)
        return {
            "query_id": self._dataset.queries.ids([query])[0],
            "query": self._dataset.queries.texts([query])[0],
            "positive_ids": self._dataset.corpus.ids(positives),
            "negatives": int(negatives.found[place]),
            "wanted": self._wanted,
            "dropped": {name: int(counts[code]) for code, name in enumerate(self._filters, start=1) if counts[code]},
        }

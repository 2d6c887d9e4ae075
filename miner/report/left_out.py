"""Rows that are not in the training file: anchors with fewer negatives than its format needs, one JSON line each, by query id.

{"query_id", "query", "positive_ids", "negatives": their number, "wanted": M, "dropped": {filter: number of candidates}}
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
import orjson

from miner.io.plain_files import create_file
from miner.types import Candidates, Codes, Dataset, Ints, Negatives

FILE = "left_out.jsonl"


class LeftOut:
    """Writes the file, which is created with its first row. A context manager that closes the file.

    filters: names in the order of the config.
    width: M, negatives per row.
    min_negatives: negatives that the format needs.
    pairs: the number of (query, positive) pairs in the file so far.
    """

    def __init__(self, path: Path, dataset: Dataset, filters: Sequence[str], width: int, min_negatives: int) -> None:
        self._path, self._dataset, self._filters, self._width, self._min_negatives = path, dataset, list(filters), width, min_negatives
        self._rank: Ints = dataset.queries.id_rank.astype(np.int64)
        self._file: BinaryIO | None = None
        self.pairs = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._file:
            self._file.close()

    def add(self, parts: Sequence[tuple[Candidates, Codes, Negatives]]) -> None:
        """Write the anchors of one block that have too few negatives.

        parts: candidates (B, K), the filter that dropped each (B, K; 0 kept, 255 padding), and negatives (B, M).
        """
        lines = [
            (int(self._rank[negatives.queries[anchor]]), self._row(anchor, dropped, negatives))
            for _, dropped, negatives in parts
            for anchor in np.flatnonzero(negatives.counts < self._min_negatives).tolist()
        ]
        for _, line in sorted(lines, key=lambda entry: entry[0]):
            if self._file is None:
                self._file = create_file(self._path)
            self._file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def _row(self, anchor: int, dropped: Codes, negatives: Negatives) -> dict[str, object]:
        query = int(negatives.queries[anchor])
        positives = negatives.positives[anchor][negatives.positives[anchor] >= 0]
        self.pairs += len(positives)
        counts = np.bincount(dropped[anchor], minlength=256)
        return {
            "query_id": self._dataset.queries.ids([query])[0],
            "query": self._dataset.queries.texts([query])[0],
            "positive_ids": self._dataset.corpus.ids(positives),
            "negatives": int(negatives.counts[anchor]),
            "wanted": self._width,
            "dropped": {name: int(counts[code]) for code, name in enumerate(self._filters, start=1) if counts[code]},
        }

"""The variations of a run, one JSON line each, in the order of their rows in the training file.

{"query_id", "passage_id": of the origin, "kind", "text", "score", "origin_score", "rank", "tier": of the origin,
 "positive_ids": of the row, "cosines": {positive id: [the variation's cosine, its origin's]}}
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

import orjson

from miner.io.plain_files import open_bytes

FILE = "variations.jsonl"


class VariationRow(TypedDict):
    """One line of the file. cosines: with every positive of the query, of the variation and of its origin."""

    query_id: str
    passage_id: str
    kind: str
    text: str
    score: float
    origin_score: float
    rank: int
    tier: int
    positive_ids: list[str]
    cosines: dict[str, list[float]]


def line(row: VariationRow) -> bytes:
    """One line; a float32 as the shortest decimal of its value."""
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


def read_variations(folder: Path) -> Iterator[VariationRow]:
    """The variations of the run in `folder`; none where it made none."""
    if not (folder / FILE).exists():
        return
    with open_bytes(folder / FILE) as file:
        for text in file:
            row: VariationRow = orjson.loads(text)
            yield row

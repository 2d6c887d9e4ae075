"""The notebook of errors: every negative that was trained on, when it was first and last seen, how often wrong, what became of it.

The oldest idea of the field (bootstrapping: Sung and Poggio 1994; the cache of deformable part models; R-CNN's 1:3): collect what the
model gets wrong, train again, put aside what has become easy. There the pool held no positive by construction; here each entry is judged
again every round by the filters, or a mistake of round one would be trained on for ever.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from miner.io.atomic import storing, write_bytes

ACTIVE, EASY = "active", "easy"

SCHEMA = pa.schema(
    [
        ("query_id", pa.string()),
        ("passage_id", pa.string()),
        ("first_round", pa.int32()),
        ("last_round", pa.int32()),
        ("times_wrong", pa.int32()),
        ("last_score", pa.float32()),
        ("status", pa.string()),
    ]
)


@dataclass
class Entry:
    """One negative of one query. last_score NaN: beyond depth. status: active, easy, or refused:FILTER; easy ones may come back."""

    first_round: int
    last_round: int
    times_wrong: int
    last_score: float
    status: str


class Notebook:
    """Entries by (query id, passage id)."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], Entry] = {}

    def __len__(self) -> int:
        return len(self.entries)

    def trained(self, turn: int, query: str, passage: str, score: float, *, wrong: bool) -> None:
        """Note that a negative is trained on in this round."""
        entry = self.entries.setdefault((query, passage), Entry(turn, turn, 0, score, ACTIVE))
        entry.last_round, entry.last_score, entry.status = turn, score, ACTIVE
        entry.times_wrong += wrong

    def judged(self, query: str, passage: str, score: float, status: str) -> None:
        """Note what an old negative is now; one that was forgotten stays so."""
        if entry := self.entries.get((query, passage)):
            entry.last_score, entry.status = score, status

    def cap(self, per_query: int) -> int:
        """Forget the lowest scores of queries with more than `per_query` entries; how many went."""
        gone = 0
        by_query: dict[str, list[str]] = {}
        for query, passage in self.entries:
            by_query.setdefault(query, []).append(passage)
        for query, passages in by_query.items():
            order = sorted(passages, key=lambda passage: (-_or_least(self.entries[query, passage].last_score), passage))
            for passage in order[per_query:]:
                del self.entries[query, passage]
                gone += 1
        return gone

    def counts(self) -> dict[str, int]:
        """Entries by status."""
        told: dict[str, int] = {}
        for entry in self.entries.values():
            told[entry.status] = told.get(entry.status, 0) + 1
        return dict(sorted(told.items()))

    def save(self, path: Path) -> None:
        """As Parquet, in the order of ids."""
        rows = [{"query_id": key[0], "passage_id": key[1], **asdict(self.entries[key])} for key in sorted(self.entries)]
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), sink)
        write_bytes(path, sink.getvalue().to_pybytes())

    @classmethod
    def load(cls, path: Path) -> Notebook:
        """What `save` wrote."""
        book = cls()
        with storing(path, "read"):
            rows = pq.read_table(path).to_pylist()
        for row in rows:
            key = (row.pop("query_id"), row.pop("passage_id"))
            book.entries[key] = Entry(**row)
        return book


def _or_least(score: float) -> float:
    return float("-inf") if math.isnan(score) else score

"""The notebook of errors: every negative of the training so far, with its first and last round, how often it was wrong, and its status.

It follows bootstrapping (Sung and Poggio 1994; the cache of deformable part models; R-CNN's 1:3): collect what the model gets wrong, train
again, remove what has become easy. There the pool held no positive by construction; here the filters judge each entry again in every
round, so that a false negative of round one is not trained on for ever.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa

from miner.io.atomic import storing, write_bytes
from miner.io.parquet_files import open_parquet, write_parquet

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
    """One negative of one query.

    first_round, last_round: rounds in which it was trained on.
    times_wrong: rounds in which the model scored it too high.
    last_score: NaN where it is beyond depth.
    status: active, easy, or refused:FILTER; an easy negative may come back.
    """

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

    def record_training(self, round_number: int, query: str, passage: str, score: float, *, wrong: bool) -> None:
        """Record that a negative is trained on in this round."""
        entry = self.entries.setdefault((query, passage), Entry(round_number, round_number, 0, score, ACTIVE))
        entry.last_round, entry.last_score, entry.status = round_number, score, ACTIVE
        entry.times_wrong += wrong

    def update(self, query: str, passage: str, score: float, status: str) -> None:
        """Update the score and the status of an entry; a negative without an entry is ignored."""
        if entry := self.entries.get((query, passage)):
            entry.last_score, entry.status = score, status

    def cap(self, per_query: int) -> int:
        """Remove the lowest scores of queries with more than `per_query` entries; return how many entries were removed."""
        count = 0
        by_query: dict[str, list[str]] = {}
        for query, passage in self.entries:
            by_query.setdefault(query, []).append(passage)
        for query, passages in by_query.items():
            order = sorted(passages, key=lambda passage: (-_or_least(self.entries[query, passage].last_score), passage))
            for passage in order[per_query:]:
                del self.entries[query, passage]
                count += 1
        return count

    def counts(self) -> dict[str, int]:
        """Entries by status."""
        counts: dict[str, int] = {}
        for entry in self.entries.values():
            counts[entry.status] = counts.get(entry.status, 0) + 1
        return dict(sorted(counts.items()))

    def save(self, path: Path) -> None:
        """Write Parquet, in the order of ids."""
        rows = [{"query_id": key[0], "passage_id": key[1], **asdict(self.entries[key])} for key in sorted(self.entries)]
        sink = pa.BufferOutputStream()
        write_parquet(pa.Table.from_pylist(rows, schema=SCHEMA), sink)
        write_bytes(path, sink.getvalue().to_pybytes())

    @classmethod
    def load(cls, path: Path) -> Notebook:
        """Read a notebook that `save` wrote."""
        notebook = cls()
        with storing(path, "read"):
            rows = open_parquet(path).read().to_pylist()
        for row in rows:
            key = (row.pop("query_id"), row.pop("passage_id"))
            notebook.entries[key] = Entry(**row)
        return notebook


def _or_least(score: float) -> float:
    return float("-inf") if math.isnan(score) else score

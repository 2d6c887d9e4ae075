"""The notebook of errors: the negatives that the loop trains on, and everything that is known of them, round by round.

Bootstrapping (Sung and Poggio 1994; the cache of deformable part models, Felzenszwalb et al. 2010; R-CNN's 1:3): train, collect what the
model gets wrong, add it to the negatives, train again, take out what has become easy. There the pool held no positive by construction;
here every entry is scored and filtered again in every round, so that a false negative of round one is not trained on for ever.

An entry stays in the file when it no longer trains, with the reason as its status; it returns when the model gets it wrong again.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from miner.io.atomic import storing, write_bytes
from miner.io.parquet_files import open_parquet, write_parquet

AnchorKey = tuple[str, str]
"""Query id, and positive id where each positive has its own ceiling (else "")."""

ACTIVE, EASY, BEYOND, LEFT_OUT, OVER_CAP, REFUSED = "active", "easy", "beyond_depth", "left_out", "over_cap", "refused"
"""Statuses. refused is followed by the filter: refused:margin."""


class Score(NamedTuple):
    """One line of an entry's history: its score under the model of a round, and what followed."""

    round: int
    score: float
    status: str


HISTORY = pa.list_(pa.struct([("round", pa.int32()), ("score", pa.float32()), ("status", pa.string())]))
SCHEMA = pa.schema(
    [
        ("query_id", pa.string()),
        ("positive_id", pa.string()),
        ("passage_id", pa.string()),
        ("first_round", pa.int32()),
        ("last_round", pa.int32()),
        ("last_wrong", pa.int32()),
        ("times_wrong", pa.int32()),
        ("last_score", pa.float32()),
        ("relative_gap", pa.float32()),
        ("status", pa.string()),
        ("history", HISTORY),
    ]
)


@dataclass(slots=True)
class Entry:
    """One negative of one anchor.

    first_round: the round in which it was written down.
    last_round: the last round that trained on it.
    last_wrong: the last round in which the model scored it too high; 0 for never.
    times_wrong: the number of such rounds.
    last_score: under the model of the last round; NaN where it could not be scored.
    relative_gap: (reference score - score) / (reference score - noise floor): 0 at the positive, 1 at the noise floor, NaN unknown.
    status: `active` trains; `easy`, `refused:FILTER`, `beyond_depth` (no candidate any more, so not judged), `left_out` (the rule took
        others) and `over_cap` do not.
    history: one line per round since the first.
    """

    first_round: int
    last_round: int = 0
    last_wrong: int = 0
    times_wrong: int = 0
    last_score: float = float("nan")
    relative_gap: float = float("nan")
    status: str = LEFT_OUT
    history: list[Score] = field(default_factory=list)

    def record(self, round_number: int, score: float, relative_gap: float, status: str, *, wrong: bool) -> None:
        """Write down the score of this round and what followed."""
        self.last_score, self.relative_gap = score, relative_gap
        if wrong:
            self.last_wrong, self.times_wrong = round_number, self.times_wrong + 1
        self.history.append(Score(round_number, score, status))
        self.set_status(status)

    def set_status(self, status: str) -> None:
        """Change the status of the round that was recorded last."""
        self.status = status
        self.history[-1] = self.history[-1]._replace(status=status)


class Notebook:
    """Entries by anchor and passage id."""

    def __init__(self) -> None:
        self.pages: dict[AnchorKey, dict[str, Entry]] = {}

    def __len__(self) -> int:
        return sum(map(len, self.pages.values()))

    def page(self, key: AnchorKey) -> dict[str, Entry]:
        """The entries of one anchor, by passage id."""
        return self.pages.setdefault(key, {})

    def entries(self) -> Iterator[tuple[AnchorKey, str, Entry]]:
        """Every entry, in the order of ids."""
        for key in sorted(self.pages):
            for passage in sorted(self.pages[key]):
                yield key, passage, self.pages[key][passage]

    def cap(self, per_anchor: float, total: float, per_passage: float = math.inf) -> int:
        """Take entries over the caps out of training; return how many.

        Those that were not wrong for longest leave first, among them the easiest. Each anchor keeps its first one, unless the passage is
        used up: `per_passage` is the hub cap, which no other rule weakens.
        """
        active = [(key, passage, entry) for key, passage, entry in self.entries() if _active(entry)]
        gaps = np.array([entry.relative_gap for *_, entry in active])  # NaN sorts last, as the easiest
        order = np.lexsort((gaps, np.array([-entry.last_wrong for *_, entry in active])))  # stable: equals stay in the order of ids
        places: Counter[AnchorKey] = Counter()
        uses: Counter[str] = Counter()
        others: list[Entry] = []
        leaving: list[Entry] = []
        for key, passage, entry in (active[place] for place in order.tolist()):
            if places[key] >= per_anchor or uses[passage] >= per_passage:
                leaving.append(entry)
                continue
            if places[key]:
                others.append(entry)
            places[key] += 1
            uses[passage] += 1
        leaving += others[int(max(0, min(total - len(places), len(others)))) :]
        for entry in leaving:
            entry.set_status(OVER_CAP)
        return len(leaving)

    def counts(self) -> dict[str, int]:
        """Entries by status."""
        return dict(sorted(Counter(entry.status for _, _, entry in self.entries()).items()))

    def ages(self, round_number: int) -> dict[str, int]:
        """Active entries by age: how many rounds ago each was written down."""
        ages = Counter(round_number - entry.first_round for _, _, entry in self.entries() if _active(entry))
        return {str(age): ages[age] for age in sorted(ages)}

    def save(self, path: Path) -> None:
        """Write Parquet, in the order of ids."""
        keys, passages, entries = zip(*self.entries(), strict=True) if len(self) else ((), (), ())
        columns = {name: [getattr(entry, name) for entry in entries] for name in SCHEMA.names[3:-1]}
        ids = {"query_id": [key[0] for key in keys], "positive_id": [key[1] for key in keys], "passage_id": list(passages)}
        sink = pa.BufferOutputStream()
        write_parquet(pa.table({**ids, **columns, "history": _history(entries)}, schema=SCHEMA), sink)
        write_bytes(path, sink.getvalue().to_pybytes())

    @classmethod
    def load(cls, path: Path) -> Notebook:
        """Read a notebook that `save` wrote, also of an earlier version: what that did not write down is empty."""
        notebook = cls()
        with storing(path, "read"):
            table = open_parquet(path).read().combine_chunks()
        names = [name for name in SCHEMA.names[3:-1] if name in table.column_names]
        positives = table["positive_id"].to_pylist() if "positive_id" in table.column_names else [""] * len(table)
        rows = zip(table["query_id"].to_pylist(), positives, table["passage_id"].to_pylist(), _lines(table), strict=True)
        for (query, positive, passage, history), values in zip(
            rows, zip(*(table[name].to_pylist() for name in names), strict=True), strict=True
        ):
            notebook.page((query, positive))[passage] = Entry(**dict(zip(names, values, strict=True)), history=history)
        return notebook


def _history(entries: Sequence[Entry]) -> pa.Array:
    """The histories as one column: what is long is built from flat columns."""
    lines = [line for entry in entries for line in entry.history]
    offsets = np.cumsum([0, *(len(entry.history) for entry in entries)])
    kind = HISTORY.value_type
    flat = [pa.array([line[place] for line in lines], kind.field(place).type) for place in range(kind.num_fields)]
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.StructArray.from_arrays(flat, fields=[*kind]), type=HISTORY)


def _lines(table: pa.Table) -> list[list[Score]]:
    """The history of each row; empty lists for a file of an earlier version."""
    if "history" not in table.column_names or not len(table):
        return [[] for _ in range(len(table))]
    column = table["history"].chunk(0)
    flat = column.flatten()
    statuses: dict[str, str] = {}
    values = (flat.field(place).to_pylist() for place in range(3))
    lines = [Score(number, score, statuses.setdefault(status, status)) for number, score, status in zip(*values, strict=True)]
    offsets = (np.asarray(column.offsets) - column.offsets[0].as_py()).tolist()
    return [lines[begin:end] for begin, end in itertools.pairwise(offsets)]


def _active(entry: Entry) -> bool:
    return entry.status == ACTIVE


def active_of(page: Mapping[str, Entry]) -> list[str]:
    """The passages of an anchor's entries that train."""
    return [passage for passage, entry in page.items() if _active(entry)]

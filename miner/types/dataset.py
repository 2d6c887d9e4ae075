"""Queries, corpus and qrels together, and how they lie in a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from miner.io.arrow_tables import create_arrow, map_arrow
from miner.io.input_files import FileHash
from miner.io.plain_files import read_text, write_file
from miner.types.qrels import Lost, Qrels, SameQuestions
from miner.types.texts import Texts

SAME_QUESTIONS_FILE = "same.arrow"
"""File of a dataset's SameQuestions, where there are any."""

KNOWN_FROM = "known_from:"
"""What a name in a dataset's `reading` begins with that counts the positives a file of another split adds to what is known."""


@dataclass(frozen=True)
class Dataset:
    """Queries to mine for, the corpus to mine from, and what is known to be relevant.

    reading: what the reader saw, dropped and merged, by name. inputs: {path: {"bytes", "sha256"}} of every file read. columns: {path:
    {column: what it was read as}}.
    asked_in: {file of other judgements: {"queries", "ids"}}: how many queries are asked there too, and the first of them.
    """

    queries: Texts
    corpus: Texts
    qrels: Qrels
    reading: Mapping[str, int] = field(default_factory=dict)
    inputs: Mapping[str, FileHash] = field(default_factory=dict)
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    asked_in: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write qrels and the reading notes beside `queries.arrow` and `corpus.arrow`, which the reader put there."""
        table = pa.table(
            {
                "query": np.repeat(np.arange(len(self.queries), dtype=np.int32), np.diff(self.qrels.indptr)),
                "passage": self.qrels.rows,
                "grade": self.qrels.grades,
                "extra": pa.array(self.qrels.extras or [None] * len(self.qrels.rows), type=pa.string()),
            }
        )
        _write(folder / "qrels.arrow", table)
        if self.qrels.same_questions is not None:
            _write(folder / SAME_QUESTIONS_FILE, _groups(self.qrels.same_questions))
        notes = {"reading": dict(self.reading), "inputs": dict(self.inputs), "columns": dict(self.columns)}
        notes |= {"min_grade": self.qrels.min_grade}
        if self.asked_in:
            notes["asked_in"] = dict(self.asked_in)
        if (lost := self.qrels.lost) is not None:
            notes["lost"] = {"rows": lost.rows.tolist(), "grades": lost.grades.tolist(), "queries": list(lost.queries)}
        write_file(folder / "dataset.json", json.dumps(notes, indent=1).encode())

    @classmethod
    def open(cls, folder: Path) -> Dataset:
        """Open what `save` wrote: Arrow files memory-mapped, nothing re-read from the user's files."""
        notes = json.loads(read_text(folder / "dataset.json"))
        queries, corpus = Texts(folder / "queries.arrow"), Texts(folder / "corpus.arrow")
        table = _read(folder / "qrels.arrow")
        counts = np.bincount(table["query"].to_numpy(), minlength=len(queries))
        extras = table["extra"].to_pylist() if table["extra"].null_count < len(table) else None
        qrels = Qrels(
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            table["passage"].to_numpy().astype(np.int32),
            table["grade"].to_numpy().astype(np.int8),
            notes["min_grade"],
            extras,
            _same(_read(folder / SAME_QUESTIONS_FILE), len(queries)) if (folder / SAME_QUESTIONS_FILE).exists() else None,
            _lost(notes["lost"]) if "lost" in notes else None,
        )
        provenance = (notes.get("columns", {}), notes.get("asked_in", {}))
        return cls(queries, corpus, qrels, notes["reading"], notes["inputs"], *provenance)


def _write(path: Path, table: pa.Table) -> None:
    with create_arrow(path, table.schema) as writer:
        writer.write_table(table)


def _read(path: Path) -> pa.Table:
    return map_arrow(path).read_all()


def _lost(notes: Mapping[str, Any]) -> Lost:
    return Lost(np.array(notes["rows"], dtype=np.int32), np.array(notes["grades"], dtype=np.int8), tuple(notes["queries"]))


def _groups(questions: SameQuestions) -> pa.Table:
    """One row for each group: its queries and what is relevant to them."""
    members = np.flatnonzero(questions.group >= 0)
    order = members[np.argsort(questions.group[members], kind="stable")]
    starts = np.concatenate([[0], np.cumsum(np.bincount(questions.group[members], minlength=len(questions.indptr) - 1))])
    lists = {"queries": (starts, order.astype(np.int32)), "passages": (questions.indptr, questions.rows)}
    return pa.table({name: pa.LargeListArray.from_arrays(pa.array(at), pa.array(values)) for name, (at, values) in lists.items()})


def _same(table: pa.Table, queries: int) -> SameQuestions:
    members, passages = (table[name].combine_chunks() for name in ("queries", "passages"))
    group = np.full(queries, -1, dtype=np.int32)
    group[members.values.to_numpy()] = np.repeat(np.arange(len(table), dtype=np.int32), np.diff(members.offsets.to_numpy()))
    return SameQuestions(group, passages.offsets.to_numpy().astype(np.int64), passages.values.to_numpy().astype(np.int32))

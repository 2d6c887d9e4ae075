"""The nouns, with their shapes. Q queries, N passages, D dims, K candidates, P positives, M negatives, B a batch of anchors.

An *anchor* is what gets negatives of its own: a query, or a (query, positive) pair when each positive sets its own ceiling.
*Row* is a position, *id* the user's string; a score is higher when closer, always; a rank starts at 1.
This module imports nothing of ours.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Rows = NDArray[np.int32]
Bools = NDArray[np.bool_]
Codes = NDArray[np.uint8]

SAME = "same.arrow"
"""File of a dataset's SameQuestions, where there are any."""

KNOWN_FROM = "known_from:"
"""What a name in a dataset's `reading` begins with that counts the positives a file of another split adds to what is known."""

Side = Literal["query", "passage"]
Similarity = Literal["cosine", "dot", "euclidean"]

BATCH_ROWS = 8192
"""Rows of every Arrow record batch but the last: row i lies in batch i // BATCH_ROWS, so one row is read without the rest."""
FEW_ROWS = 64
"""So many rows are quicker read one by one."""

TEXTS_SCHEMA = pa.schema(
    [("id", pa.string()), ("title", pa.string()), ("text", pa.string()), ("group", pa.string()), ("extra", pa.string())]
)
"""`extra` holds the columns we do not know, as one JSON object; title, group and extra may be null."""


def join_title(title: str | None, text: str) -> str:
    """The one place where title and text become what is encoded, compared and exported."""
    return f"{title} {text}".strip() if title else text


class Texts:
    """N texts with ids, in an Arrow file that is memory-mapped: a row is read without loading the others."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = pa.ipc.open_file(pa.memory_map(str(path)))
        count = self._file.num_record_batches
        last = self._file.get_batch(count - 1).num_rows if count else 0
        self._length = (count - 1) * BATCH_ROWS + last if count else 0

    def __len__(self) -> int:
        return self._length

    def column(self, name: str, rows: Sequence[int] | Ints | Rows) -> list[Any]:
        """Values of one column at `rows`, in the order asked for."""
        wanted = np.asarray(rows, dtype=np.int64)
        if wanted.size and (wanted.min() < 0 or wanted.max() >= len(self)):
            raise IndexError(f"row {int(wanted.min())}..{int(wanted.max())} of {len(self)}")
        if len(wanted) <= FEW_ROWS:
            return [self._batch(row // BATCH_ROWS).column(name)[row % BATCH_ROWS].as_py() for row in wanted.tolist()]
        order = np.argsort(wanted, kind="stable")
        batches, starts = np.unique(wanted[order] // BATCH_ROWS, return_index=True)
        values: list[Any] = [None] * len(wanted)
        for batch, places in zip(batches, np.split(order, starts[1:]), strict=True):
            array = self._batch(int(batch)).column(name)
            for place, value in zip(places.tolist(), array.take(pa.array(wanted[places] % BATCH_ROWS)).to_pylist(), strict=True):
                values[place] = value
        return values

    def texts(self, rows: Sequence[int] | Ints | Rows) -> list[str]:
        """Title and text of each row, joined."""
        return [join_title(*both) for both in zip(self.column("title", rows), self.column("text", rows), strict=True)]

    def all_texts(self) -> Iterator[list[str]]:
        """Title and text of every row, joined, one record batch at a time: quicker than asking for all rows."""
        for batch in self.batches():
            titles, texts = batch.column("title"), batch.column("text").to_pylist()
            yield texts if titles.null_count == len(titles) else [join_title(*both) for both in zip(titles.to_pylist(), texts, strict=True)]

    def ids(self, rows: Sequence[int] | Ints | Rows) -> list[str]:
        """The user's ids of `rows`."""
        return self.column("id", rows)

    def batches(self) -> Sequence[pa.RecordBatch]:
        """All record batches, in row order, still memory-mapped."""
        return [self._batch(i) for i in range(self._file.num_record_batches)]

    def _batch(self, number: int) -> pa.RecordBatch:
        if number not in self._opened:
            self._opened[number] = self._file.get_batch(number)
        return self._opened[number]

    @cached_property
    def _opened(self) -> dict[int, pa.RecordBatch]:
        """Batches that were asked for: pointers into the file, which take longer to make than a row takes to read."""
        return {}

    @cached_property
    def id_order(self) -> Rows:
        """Shape (N,): the rows sorted by id, in UTF-8 byte order. Every tie and every output order comes from it."""
        ids = pa.chunked_array([batch.column("id") for batch in self.batches()], type=pa.string())
        return np.asarray(pc.sort_indices(ids.cast(pa.binary()))).astype(np.int32)

    @cached_property
    def group_codes(self) -> Rows:
        """Shape (N,): which group each row is of, as a number from 0; -1 where it is of none."""
        column = pa.chunked_array([batch.column("group") for batch in self.batches()], type=pa.string())
        codes = column.combine_chunks().dictionary_encode().indices
        return np.asarray(codes.fill_null(-1)).astype(np.int32)

    @cached_property
    def id_rank(self) -> Rows:
        """Shape (N,): the place of each row in `id_order`."""
        rank: Rows = np.empty(len(self), dtype=np.int32)
        rank[self.id_order] = np.arange(len(self), dtype=np.int32)
        return rank


@dataclass(frozen=True)
class SameQuestions:
    """Queries that ask the same under several ids or in several splits, and all that is relevant to any of them.

    group int32 (Q,), -1 where a query's own positives are all there is; rows of group g, int32: `rows[indptr[g]:indptr[g + 1]]`.
    """

    group: Rows
    indptr: Ints
    rows: Rows


@dataclass(frozen=True)
class Qrels:
    """What is known to be relevant, ragged: judgements of query q are `rows[indptr[q]:indptr[q + 1]]`.

    indptr int64 (Q+1,); rows int32 (J,): corpus rows, ascending id within a query; grades int8 (J,): below
    `min_grade` means judged non-relevant.
    extras: one JSON object per judgement, or None: the other columns of the user's pair.
    same: what is known of the same questions elsewhere; never exported with a query, never its bar, and never its negative.
    """

    indptr: Ints
    rows: Rows
    grades: NDArray[np.int8]
    min_grade: int = 1
    extras: list[str | None] | None = None
    same: SameQuestions | None = None

    def positives(self, query: int) -> Rows:
        """Corpus rows that are relevant to `query`."""
        span = slice(int(self.indptr[query]), int(self.indptr[query + 1]))
        found: Rows = self.rows[span][self.grades[span] >= self.min_grade]
        return found

    def known(self, query: int) -> Rows:
        """Corpus rows that are relevant to what `query` asks, whichever id or split said so: its positives are among them."""
        if self.same is None or self.same.group[query] < 0:
            return self.positives(query)
        group = int(self.same.group[query])
        return self.same.rows[int(self.same.indptr[group]) : int(self.same.indptr[group + 1])]

    def equals(self, other: Qrels) -> bool:
        """Whether both say the same of the same rows."""
        arrays = [(getattr(self, name), getattr(other, name)) for name in ("indptr", "rows", "grades")]
        same = [(self.same, other.same)] if self.same is not None and other.same is not None else []
        arrays += [(getattr(a, name), getattr(b, name)) for a, b in same for name in ("group", "indptr", "rows")]
        plain = [(each.min_grade, each.extras, each.same is None) for each in (self, other)]
        return plain[0] == plain[1] and all(np.array_equal(a, b) for a, b in arrays)

    def over(self, rows: Rows) -> Qrels:
        """The same judgements in another corpus, where passage p has row `rows[p]`."""
        same = None if self.same is None else replace(self.same, rows=rows[self.same.rows])
        return replace(self, rows=rows[self.rows], same=same)


@dataclass(frozen=True)
class Dataset:
    """Queries to mine for, the corpus to mine from, and what is known to be relevant.

    reading: what the reader saw, dropped and merged, by name. inputs: {path: {"bytes", "sha256"}} of every file read.
    """

    queries: Texts
    corpus: Texts
    qrels: Qrels
    reading: Mapping[str, int] = field(default_factory=dict)
    inputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

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
        if self.qrels.same is not None:
            _write(folder / SAME, _groups(self.qrels.same))
        notes = {"reading": dict(self.reading), "inputs": dict(self.inputs), "min_grade": self.qrels.min_grade}
        (folder / "dataset.json").write_text(json.dumps(notes, indent=1), encoding="utf-8")

    @classmethod
    def open(cls, folder: Path) -> Dataset:
        """Open what `save` wrote: Arrow files memory-mapped, nothing re-read from the user's files."""
        notes = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
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
            _same(_read(folder / SAME), len(queries)) if (folder / SAME).exists() else None,
        )
        return cls(queries, corpus, qrels, notes["reading"], notes["inputs"])


def _write(path: Path, table: pa.Table) -> None:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def _read(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).read_all()


def _groups(same: SameQuestions) -> pa.Table:
    """One row for each group: its queries and what is relevant to them."""
    asked = np.flatnonzero(same.group >= 0)
    order = asked[np.argsort(same.group[asked], kind="stable")]
    starts = np.concatenate([[0], np.cumsum(np.bincount(same.group[asked], minlength=len(same.indptr) - 1))])
    lists = {"queries": (starts, order.astype(np.int32)), "passages": (same.indptr, same.rows)}
    return pa.table({name: pa.LargeListArray.from_arrays(pa.array(at), pa.array(values)) for name, (at, values) in lists.items()})


def _same(table: pa.Table, queries: int) -> SameQuestions:
    asked, known = (table[name].combine_chunks() for name in ("queries", "passages"))
    group = np.full(queries, -1, dtype=np.int32)
    group[asked.values.to_numpy()] = np.repeat(np.arange(len(table), dtype=np.int32), np.diff(asked.offsets.to_numpy()))
    return SameQuestions(group, known.offsets.to_numpy().astype(np.int64), known.values.to_numpy().astype(np.int32))


@dataclass(frozen=True)
class Candidates:
    """What a source found for B anchors, and everything a filter may see. Best first: by score, then by passage id.

    queries int64 (B,); rows int32 (B, K), -1 where there are fewer; scores float32 (B, K), NaN there.
    positives int32 (B, P), -1 padded; positive_scores float32 (B, P), NaN padded, on the same scale as `scores`.
    bar float32 (B,): the positive score a negative must stay below: the weakest positive's, or the anchor's own.
    background float32 (B,): the score of the last candidate within `depth`: what any passage of the neighbourhood scores.
    evidence: {name: (B, K)}. kept bool (B, K): what the filters before this one left, set while judging.
    shared: what is the same for every anchor of the run, by name: `population` float32 (S,), the scores of all known positives, rising;
    `vectors` float16 (N, D) of length one, by passage row, if somebody needs them.
    """

    queries: Ints
    rows: Rows
    scores: Floats
    positives: Rows
    positive_scores: Floats
    bar: Floats
    background: Floats
    evidence: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    kept: Bools | None = None
    shared: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.queries)

    @property
    def present(self) -> Bools:
        """Shape (B, K): True where there is a candidate, False in the padding."""
        there: Bools = self.rows >= 0
        return there

    def take(self, anchors: Ints, width: int | None = None) -> Candidates:
        """The candidates of some anchors, at most `width` of each."""
        cut = slice(None, width)
        return Candidates(
            self.queries[anchors],
            self.rows[anchors, cut],
            self.scores[anchors, cut],
            self.positives[anchors],
            self.positive_scores[anchors],
            self.bar[anchors],
            self.background[anchors],
            {name: values[anchors, cut] for name, values in self.evidence.items()},
            shared=self.shared,
        )


@dataclass(frozen=True)
class Negatives:
    """What was chosen for B anchors, best first; -1 (scores NaN, rank and tier 0) where an anchor ran short, never padded silently.

    queries int64 (B,); positives int32 (B, P), positive_scores float32 (B, P): what each anchor's rows are exported with, -1 / NaN padded.
    rows int32 (B, M), scores float32 (B, M), ranks int32 (B, M) 1-based among everything retrieved, tiers uint8 (B, M).
    sources: {name: (B, M)}, the rank at which each source found it, 0 where it did not.
    """

    queries: Ints
    positives: Rows
    positive_scores: Floats
    rows: Rows
    scores: Floats
    ranks: Rows
    tiers: Codes
    sources: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.queries)

    @property
    def found(self) -> Ints:
        """Shape (B,): how many negatives each anchor got."""
        counts: Ints = (self.rows >= 0).sum(axis=1)
        return counts


class Vectors(Protocol):
    """Texts in, vectors out: an encoder with its store, or vectors the user made before."""

    @property
    def similarity(self) -> Similarity:
        """How the model compares."""
        ...

    def vectors(self, texts: Texts, rows: Ints | Rows, side: Side) -> Floats:
        """Shape (len(rows), D), finite, C-order. The same text gives the same bits every time."""
        ...

    def fill(self, out: Floats, texts: Texts, rows: Ints | Rows, side: Side) -> None:
        """Write the same into `out` (len(rows), D), which may be memory-mapped, in pieces."""
        ...

    def describe(self) -> dict[str, Any]:
        """What the manifest says about the model: name, fingerprints, dims, prompts."""
        ...

    @property
    def dim(self) -> int:
        """D."""
        ...


class Found(NamedTuple):
    """What a source proposes for B queries: rows int32 (B, K), scores float32 (B, K), best first, padded with -1 and NaN.

    evidence: {name: (B, K)}, what only the search could know: which of several sources found a candidate, at which rank.
    """

    rows: Rows
    scores: Floats
    evidence: Mapping[str, NDArray[Any]] = MappingProxyType({})


class Source(Protocol):
    """Where candidates come from. All methods may be called by several threads at the same time."""

    def retrieve(self, queries: Ints, depth: int) -> Found:
        """The best of each query, min(depth, distinct passages) wide."""
        ...

    def score(self, queries: Ints, rows: Rows) -> Floats:
        """Scores (B, P) of given corpus rows (-1 = padding, NaN out), on the same scale as `retrieve`."""
        ...

    def above(self, queries: Ints, bar: Floats) -> NDArray[np.float64]:
        """Shape (B,): about how many passages score above `bar` (B,)."""
        ...


class Filter(Protocol):
    """Which candidates may be negatives. `needs` names evidence, or something shared.

    `guesses`: it infers relevance, and so has nothing to say of a passage that was judged non-relevant.
    """

    needs: ClassVar[tuple[str, ...]]
    guesses: ClassVar[bool]

    def __call__(self, candidates: Candidates) -> Bools:
        """Return shape (B, K): True = keep."""
        ...


class Evidence(Protocol):
    """Something a judgement needs beside the score, measured once per candidate.

    Its candidates' `positives` (B, P) are all that is known to be relevant to the question, under other ids and in other splits too.
    """

    def __call__(self, candidates: Candidates) -> NDArray[Any]:
        """Return shape (B, K)."""
        ...


Priority = NDArray[np.float64]
Noise = Callable[[], Priority]
"""Called when needed: shape (B, K), a number in (0, 1) for every (query id, passage id) and the seed."""


class Sampler(Protocol):
    """Which of the kept candidates are taken. `needs` as for a filter."""

    needs: ClassVar[tuple[str, ...]]

    def __call__(self, candidates: Candidates, kept: Bools, noise: Noise) -> Priority:
        """Return shape (B, K): the M highest kept are taken; it cannot take what was dropped."""
        ...


class Progress(Protocol):
    """Called with a stage's name, how much is done and how much there is."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Total 0: the stage has begun and counts nothing."""

"""A training file without what the linter found: wrong negatives leave their rows, wrong rows leave the file. Nothing is made up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from shutil import copyfileobj
from typing import Any, NamedTuple, TypedDict

import numpy as np
import orjson
import pyarrow as pa

from miner.errors import ConfigError
from miner.formats import FORMATS, TrainingRow, recognise
from miner.formats.training_file import format_of_name
from miner.io.arrow_tables import create_arrow
from miner.io.pipe import Pipe
from miner.io.plain_files import open_bytes
from miner.io.row_writer import open_sink
from miner.io.scratch import scratch
from miner.lint import Examined, Finding, examine, lint
from miner.types import BATCH_ROWS, TEXTS_SCHEMA, Dataset, Negatives, Qrels, Texts

STANDARD_OUTPUT = "-"
BLOCK = 4096
MAX_FURTHER_PASSES = 4
"""A pass leaves no fault of a row by itself; a further one finds what only the mended file has, such as rows that became equal."""


class MendReport(TypedDict):
    """Numbers of rows and negatives, and of the findings that were mended, by rule."""

    rows_read: int
    rows_written: int
    rows_left_out: int
    rows_repaired: int
    negatives_left_out: int
    changes: dict[str, int]


def mend(
    path: str | Path,
    out: str | Path,
    *,
    format: str | None = None,  # noqa: A002 - the word
    against: str | Path | None = None,
    ignore: Collection[str] = (),
    force: bool = False,
) -> MendReport:
    """Write what is right of a training file to `out`, in the same format, rows in their order; returns what was counted.

    A row stays while it has a positive and a negative. What was mended may bring out another fault, such as a row that is now an earlier
    one's: it is mended too. force: replace `out`, which may be `path` itself.
    out: a file, a datasets folder, or "-" for standard output (JSON lines).
    ConfigError for a format of several files, for rows that do not say which passages are positives, and where `out` is there already or
    its folder is not.
    """
    name = format or recognise(path)
    if format_of_name(name).layout:
        raise ConfigError(f"{path} is a folder of several files ({name}); it can be linted, but not with --fix")
    if Path(out).exists() and not force:
        raise ConfigError(f"{out} exists already; choose another --fix, or replace it with --force")
    if not Path(out).parent.is_dir():
        raise ConfigError(f"there is no folder {Path(out).parent} for --fix {out}: make it, or choose another")
    if str(out) != STANDARD_OUTPUT:
        return _passes(path, out, name, against, ignore)
    with scratch() as folder:  # what is in a pipe cannot be read again
        counts = _passes(path, whole := folder / "mended.jsonl", name, against, ignore)
        with Pipe() as pipe, open_bytes(whole) as file:
            copyfileobj(file, pipe)
    return counts


def _passes(path: str | Path, out: str | Path, name: str, against: str | Path | None, ignore: Collection[str]) -> MendReport:
    """Mend until nothing is left to mend."""
    counts = _pass(path, out, name, against, ignore)
    for _ in range(MAX_FURTHER_PASSES):
        if not counts["rows_written"] or not lint(out, format=name, against=against, ignore=ignore).counts:
            break
        counts = _sum(counts, _pass(out, out, name, against, ignore))
    return counts


def _sum(first: MendReport, further: MendReport) -> MendReport:
    """The report of two passes, one after the other."""
    return {
        "rows_read": first["rows_read"],
        "rows_written": further["rows_written"],
        "rows_left_out": first["rows_left_out"] + further["rows_left_out"],
        "rows_repaired": first["rows_repaired"] + further["rows_repaired"],
        "negatives_left_out": first["negatives_left_out"] + further["negatives_left_out"],
        "changes": dict(Counter(first["changes"]) + Counter(further["changes"])),
    }


def _pass(path: str | Path, out: str | Path, name: str, against: str | Path | None, ignore: Collection[str]) -> MendReport:
    """Mend what one reading finds."""
    counts = MendReport(rows_read=0, rows_written=0, rows_left_out=0, rows_repaired=0, negatives_left_out=0, changes={})
    plan = _plan(path, name, against, ignore)
    with open_sink(str(out)) as sink:
        rows = _mended(examine(path, name, against, ignore), name, plan, counts)
        while block := list(islice(rows, BLOCK)):
            with scratch() as folder:
                sink.write(FORMATS[name].write(*_block(block, folder, plan.columns), plan.columns))
        counts["rows_written"] = sink.rows
    return counts


class CommonShape(NamedTuple):
    """What every row that stays carries beside its texts, and how many negatives; width None: any number."""

    columns: set[str]
    width: int | None


def _plan(path: str | Path, name: str, against: str | Path | None, ignore: Collection[str]) -> CommonShape:
    columns = {"ids", "scores", "ranks", "tiers", "extra"} & FORMATS[name].optional_columns
    widths: Counter[int] = Counter()
    for findings, row in examine(path, name, against, ignore):
        if row is not None and None in [row.labels[place] for place in _remaining_places(findings, row, name)]:
            raise ConfigError(f"{row.where} does not say which passages are positives: it can be linted, but not with --fix")
        columns -= {"ids", "ranks", "tiers", "extra"} if any(finding.rule == "extra_column" for finding in findings) else set()
        if row is not None and (places := _remaining_places(findings, row, name)):
            cut = _cut(row, places)
            widths[cut.labels.count(0)] += 1
            columns -= {field for field in columns - {"ids", "extra"} if None in (getattr(cut, field) or (None,))}
            columns -= set() if row.ids and row.query_id is not None else {"ids"}
    return CommonShape(columns, max(widths, key=lambda width: (widths[width], width), default=None) if FORMATS[name].full else None)


def _remaining_places(findings: Sequence[Finding], row: TrainingRow, name: str, width: int | None = None) -> list[int]:
    """The places of the passages that stay; none where the row leaves: it is wrong as a whole, or lacks a positive or negatives then."""
    if any(not finding.passages and not finding.rewritten for finding in findings):
        return []
    wrong = {place for finding in findings for place in finding.passages}
    places = [place for place in range(len(row.passages)) if place not in wrong]
    labels = [row.labels[place] for place in places]
    whole = FORMATS[name].unit == "passage" or {1, 0} <= set(labels)
    return places if whole and width in (None, labels.count(0)) else []


def _mended(examined: Iterator[Examined], name: str, plan: CommonShape, counts: MendReport) -> Iterator[TrainingRow]:
    for findings, row in examined:
        counts["rows_read"] += 1
        for finding in findings:
            counts["changes"][finding.rule] = counts["changes"].get(finding.rule, 0) + 1
        places = [] if row is None else _remaining_places(findings, row, name, plan.width)
        if row is None or not places:
            counts["rows_left_out"] += 1
            continue
        counts["negatives_left_out"] += row.labels.count(0) - sum(row.labels[place] == 0 for place in places)
        counts["rows_repaired"] += any(finding.rewritten for finding in findings)
        yield _cut(row, places)


def _cut(row: TrainingRow, places: Sequence[int]) -> TrainingRow:
    def pick(values: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(values[place] for place in places) if values else ()

    lists = {name: pick(getattr(row, name)) for name in ("passages", "labels", "ids", "scores", "ranks", "tiers")}
    return TrainingRow(row.query, query_id=row.query_id, extra=row.extra, where=row.where, **lists)


def _block(rows: Sequence[TrainingRow], folder: Path, columns: Collection[str]) -> tuple[Dataset, Negatives]:
    """The rows as anchors of a dataset of their own, one query each."""
    numbers: dict[tuple[str, str], int] = {}
    places = [[numbers.setdefault((text, _id(row, i)), len(numbers)) for i, text in enumerate(row.passages)] for row in rows]
    queries = _texts(folder / "queries.arrow", [(row.query, row.query_id or "") for row in rows])
    corpus = _texts(folder / "corpus.arrow", list(numbers))
    sides = {label: [[i for i, value in enumerate(row.labels) if value == label] for row in rows] for label in (0, 1)}

    def padded(label: int, values: Sequence[Sequence[Any]], empty: Any, kind: Any) -> Any:
        out = np.full((len(rows), max(len(side) for side in sides[label])), empty, dtype=kind)
        for at, (side, row_values) in enumerate(zip(sides[label], values, strict=True)):
            out[at, : len(side)] = [empty if not row_values or row_values[i] is None else row_values[i] for i in side]
        return out

    scores = [row.scores for row in rows]
    negatives = Negatives(
        np.arange(len(rows)),
        padded(1, places, -1, np.int32),
        padded(1, scores, np.nan, np.float32),
        padded(0, places, -1, np.int32),
        padded(0, scores, np.nan, np.float32),
        padded(0, [row.ranks for row in rows], 0, np.int32),
        padded(0, [row.tiers for row in rows], 0, np.uint8),
    )
    return Dataset(queries, corpus, _qrels(rows, places, sides[1])), negatives


def _qrels(rows: Sequence[TrainingRow], places: Sequence[Sequence[int]], positives: Sequence[Sequence[int]]) -> Qrels:
    """The positives of each row, with the user's own columns."""
    counts = np.array([len(side) for side in positives])
    passages = [places[at][i] for at, side in enumerate(positives) for i in side]
    extras = [_json(rows[at].extra) for at, side in enumerate(positives) for _ in side]
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Qrels(indptr, np.array(passages, dtype=np.int32), np.ones(len(passages), dtype=np.int8), extras=extras)


def _json(extra: Mapping[str, Any]) -> str | None:
    return orjson.dumps(dict(extra)).decode() if extra else None


def _id(row: TrainingRow, place: int) -> str:
    return row.ids[place] if row.ids else ""


def _texts(path: Path, texts: Sequence[tuple[str, str]]) -> Texts:
    table = pa.Table.from_pylist([{"id": name, "text": text} for text, name in texts], schema=TEXTS_SCHEMA)
    with create_arrow(path, TEXTS_SCHEMA) as writer:
        writer.write_table(table, max_chunksize=BATCH_ROWS)
    return Texts(path)

"""Verdicts: what a judge, a person or a model, has said of a query and a passage, and what it is worth when candidates are judged.

One JSON object a line: query_id, passage_id, verdict (false_negative, true_negative or unsure), and, if known, `by`, `at` and `why`. The
last line about a pair is the one that counts. A false negative is relevant: never a negative (filter `verdict`). A true negative is exempt
from what only estimates relevance, as a passage judged non-relevant is. `unsure` changes nothing, and takes an earlier word back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from miner.errors import InputError
from miner.filters.verdict import FALSE_NEGATIVE, TRUE_NEGATIVE
from miner.types import Codes, Dataset, Ints, Rows, Texts

VERDICTS = ("false_negative", "true_negative", "unsure")
CODES = {"false_negative": FALSE_NEGATIVE, "true_negative": TRUE_NEGATIVE, "unsure": 0}
MAX_VERDICT_CHARS = 1000


class Verdict(NamedTuple):
    """One word about one pair. by: who said it. at: when (RFC 3339). why: the reason."""

    query_id: str
    passage_id: str
    verdict: str
    by: str | None = None
    at: str | None = None
    why: str | None = None

    def line(self) -> bytes:
        """As it stands in a file."""
        return orjson.dumps({name: value for name, value in self._asdict().items() if value is not None}, option=orjson.OPT_APPEND_NEWLINE)


def latest_verdicts(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """One verdict a pair, the last one, in the order of ids (UTF-8)."""
    latest = {(verdict.query_id, verdict.passage_id): verdict for verdict in verdicts}
    return [latest[pair] for pair in sorted(latest, key=lambda pair: (pair[0].encode(), pair[1].encode()))]


def verdict_of(row: Any, where: str) -> Verdict:
    """A row as a verdict. InputError says what is wrong with it."""
    values = {}
    for name in Verdict._fields:
        value = row.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and name.endswith("_id"):
            value = str(value)
        if value is None and name in ("by", "at", "why"):
            continue
        if not isinstance(value, str) or not value or len(value) > MAX_VERDICT_CHARS:
            raise InputError(f"{name} is {'missing' if value is None else f'a text of 1 to {MAX_VERDICT_CHARS} characters'}", where)
        values[name] = value
    if values["verdict"] not in VERDICTS:
        raise InputError(f"verdict is {values['verdict'][:40]!r}: it is one of {', '.join(VERDICTS)}", where)
    return Verdict(**values)


class VerdictTable:
    """Verdicts by row numbers. Of passages with the very same text what was said of one counts for all, and a false negative first."""

    def __init__(self, dataset: Dataset, verdicts: Sequence[Verdict]) -> None:
        self._passages = len(dataset.corpus)
        queries = rows_of(dataset.queries, [verdict.query_id for verdict in verdicts])
        passages = rows_of(dataset.corpus, [verdict.passage_id for verdict in verdicts])
        is_present = (queries >= 0) & (passages >= 0)
        self.counts = {
            **dict.fromkeys(VERDICTS, 0),
            **Counter(verdict.verdict for verdict in verdicts),
            "unknown": int((~is_present).sum()),
        }
        alike = _alike(dataset.corpus, passages[is_present])
        codes = np.array([CODES[verdict.verdict] for verdict in verdicts], dtype=np.uint8)[is_present]
        pairs = [
            (int(query) * self._passages + row, int(code))
            for query, passage, code in zip(queries[is_present], passages[is_present], codes, strict=True)
            for row in alike[int(passage)]
            if code
        ]
        code_by_pair = dict(sorted(pairs, key=lambda pair: (pair[0], pair[1] == FALSE_NEGATIVE)))
        self._keys = np.fromiter(code_by_pair, dtype=np.int64, count=len(code_by_pair))
        self._codes = np.fromiter(code_by_pair.values(), dtype=np.uint8, count=len(code_by_pair))

    def codes(self, queries: Ints, rows: Rows) -> Codes:
        """Shape (B, K): 1 = said to be a true negative, 2 = a false one, 0 = nothing was said, or padding."""
        if not len(self._keys):
            return np.zeros(rows.shape, dtype=np.uint8)
        keys = queries.astype(np.int64)[:, None] * self._passages + rows
        at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.where((self._keys[at] == keys) & (rows >= 0), self._codes[at], 0).astype(np.uint8)


def rows_of(texts: Texts, ids: Sequence[str]) -> Ints:
    """The row of each id, -1 where there is none."""
    row_by_id, start = dict.fromkeys(ids, -1), 0
    id_array = pa.array(list(row_by_id), type=pa.string())
    for batch in texts.batches():
        column = batch.column("id")
        for row in np.flatnonzero(np.asarray(pc.is_in(column, id_array))):
            row_by_id[column[int(row)].as_py()] = start + int(row)
        start += batch.num_rows
    return np.array([row_by_id[name] for name in ids], dtype=np.int64)


def _alike(corpus: Texts, rows: Ints) -> dict[int, list[int]]:
    """For each of `rows` all rows with its very text: a source lets one of them stand for all."""
    texts = dict(zip(rows.tolist(), corpus.texts(rows), strict=True))
    rows_by_text: dict[str, list[int]] = {text: [] for text in texts.values()}
    for row, text in enumerate(_every(corpus)):
        if text in rows_by_text:
            rows_by_text[text].append(row)
    return {row: rows_by_text[text] for row, text in texts.items()}


def _every(corpus: Texts) -> Iterator[str]:
    for batch in corpus.all_texts():
        yield from batch

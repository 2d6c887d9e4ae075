"""`dpr`: question, answers, positive_ctxs, negative_ctxs, hard_negative_ctxs, title apart; one JSON list, as DPR's loader wants it.

The hard negatives are in hard_negative_ctxs; negative_ctxs stays empty. The answers come from the user's column `answers`
(--column extra), else the list is empty: training does not use it. Short queries keep their row; rows without negatives are left out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from miner.formats.context import passage_of, read_contexts
from miner.formats.row_checks import ParsedRow
from miner.formats.row_format import Format, JsonRow, TrainingRow, add_extra, anchors, merged_extra, own_columns
from miner.types import Dataset, Negatives

RESERVED_COLUMNS = re.compile(r"question(_id)?|(positive|negative|hard_negative)_ctxs")


def write(dataset: Dataset, negatives: Negatives, columns: Collection[str]) -> Iterator[JsonRow]:
    """Yield one row per anchor with at least one negative."""
    name = "passage_id" if "ids" in columns else None
    for query, positives, hard_negatives in anchors(dataset, negatives, columns):
        if not hard_negatives:
            continue
        extra = merged_extra(positives)
        row: JsonRow = {"question": query.text, "answers": _answers(extra.pop("answers", []))}
        if "ids" in columns:
            row["question_id"] = query.id
        row["positive_ctxs"] = [passage_of(passage, name, columns) for passage in positives]
        row["negative_ctxs"] = []
        row["hard_negative_ctxs"] = [passage_of(passage, name, columns) for passage in hard_negatives]
        yield add_extra(row, extra, RESERVED_COLUMNS)


def read(row: ParsedRow) -> TrainingRow:
    """Read the positives, then the hard negatives, then other negatives; title and text are joined."""
    row.value("positive_ctxs")
    extra = own_columns(row.values, RESERVED_COLUMNS)
    if not extra.get("answers"):
        extra.pop("answers", None)
    return row.training(
        row.text("question"),
        **read_contexts(row, "passage_id", ("positive_ctxs", 1), ("hard_negative_ctxs", 0), ("negative_ctxs", 0)),
        query_id=row.id("question_id"),
        extra=extra,
    )


def _answers(value: Any) -> list[str]:
    return [str(answer) for answer in value] if isinstance(value, list) else [str(value)]


DPR = Format(write, read, matches=lambda row: "positive_ctxs" in row, kind=".json")

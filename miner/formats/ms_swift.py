"""`ms-swift`: messages, positive_messages, negative_messages; what ms-swift's embedding and reranker training reads (InfoNCE).

Its InfoNCE loss takes one positive per row, so there is a row per query and positive. Rows that ran short stay: INFONCE_HARD_NEGATIVES
cuts or repeats them to one length; rows without negatives are left out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from miner.formats.row_checks import Row, kind
from miner.formats.row_format import Format, TrainingRow, add_extra, anchors, own_columns
from miner.types import Dataset, Negatives

OURS = re.compile(r"(positive_|negative_)?messages|anchor_id|positive_id|negative_ids|scores|ranks|tiers|sources")


def write(dataset: Dataset, negatives: Negatives, columns: Collection[str]) -> Iterator[dict[str, Any]]:
    """One row per query and positive with at least one negative; scores are [positive's, negatives' …], ranks and tiers the negatives'."""
    for query, positives, found in anchors(dataset, negatives, columns):
        for positive in positives if found else ():
            row: dict[str, Any] = {
                "messages": _said(query.text),
                "positive_messages": [_said(positive.text)],
                "negative_messages": [_said(negative.text) for negative in found],
            }
            if "ids" in columns:
                row |= {"anchor_id": query.id, "positive_id": positive.id, "negative_ids": [negative.id for negative in found]}
            if "scores" in columns:
                row["scores"] = [positive.score, *(negative.score for negative in found)]
            if "ranks" in columns:
                row["ranks"] = [negative.rank for negative in found]
            if "tiers" in columns:
                row["tiers"] = [negative.tier for negative in found]
            if "sources" in columns:
                row["sources"] = [list(negative.sources) for negative in found]
            yield add_extra(row, positive.extra, OURS)


def read(row: Row) -> TrainingRow:
    """The positives, then the negatives: of every conversation what was said, joined by line ends."""
    positives = [_heard(row, said, "positive_messages") for said in row.items("positive_messages", "conversations")]
    found = [_heard(row, said, "negative_messages") for said in row.values.get("negative_messages") or ()]
    zeros = (0,) * len(positives)
    return row.training(
        _heard(row, row.value("messages"), "messages"),
        (*positives, *found),
        (1,) * len(positives) + (0,) * len(found),
        query_id=row.id("anchor_id"),
        ids=row.ids("positive_id", "negative_ids"),
        scores=row.numbers("scores"),
        ranks=zeros + row.counts("ranks") if "ranks" in row else (),
        tiers=zeros + row.counts("tiers") if "tiers" in row else (),
        extra=own_columns(row.values, OURS),
    )


def _said(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def _heard(row: Row, messages: Sequence[Any], name: str) -> str:
    if not isinstance(messages, list | tuple) or not all(isinstance(message, dict) for message in messages):
        row.fail(f"'{name}' holds {kind(messages)}; messages with 'role' and 'content' are needed")
    return "\n".join(row.within(message).text("content") for message in messages)


MS_SWIFT = Format(write, read, knows=lambda row: "messages" in row and "positive_messages" in row, unit="pair")

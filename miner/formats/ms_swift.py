"""`ms-swift`: messages, positive_messages, negative_messages; what ms-swift's embedding and reranker training reads (InfoNCE).

Its InfoNCE loss takes one positive per row, so there is a row per query and positive. Short queries keep their row: ms-swift cuts or
repeats negatives to INFONCE_HARD_NEGATIVES; rows without negatives are left out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from miner.formats.row_checks import ParsedRow
from miner.formats.row_format import Format, JsonRow, TrainingRow, add_extra, anchors, own_columns
from miner.support.value_types import type_name
from miner.types import Dataset, Negatives

RESERVED_COLUMNS = re.compile(r"(positive_|negative_)?messages|anchor_id|positive_id|negative_ids|scores|ranks|tiers|sources")


def write(dataset: Dataset, negatives: Negatives, columns: Collection[str]) -> Iterator[JsonRow]:
    """Yield one row per query and positive with at least one negative; scores begin with the positive's, ranks and tiers omit it."""
    for query, positives, hard_negatives in anchors(dataset, negatives, columns):
        for positive in positives if hard_negatives else ():
            row: JsonRow = {
                "messages": _messages(query.text),
                "positive_messages": [_messages(positive.text)],
                "negative_messages": [_messages(negative.text) for negative in hard_negatives],
            }
            if "ids" in columns:
                row |= {"anchor_id": query.id, "positive_id": positive.id, "negative_ids": [negative.id for negative in hard_negatives]}
            if "scores" in columns:
                row["scores"] = [positive.score, *(negative.score for negative in hard_negatives)]
            if "ranks" in columns:
                row["ranks"] = [negative.rank for negative in hard_negatives]
            if "tiers" in columns:
                row["tiers"] = [negative.tier for negative in hard_negatives]
            if "sources" in columns:
                row["sources"] = [list(negative.sources) for negative in hard_negatives]
            yield add_extra(row, positive.extra, RESERVED_COLUMNS)


def read(row: ParsedRow) -> TrainingRow:
    """Read the positives, then the negatives; the messages of a conversation are joined by line ends."""
    positives = [_conversation_text(row, messages, "positive_messages") for messages in row.items("positive_messages", "conversations")]
    negatives = [_conversation_text(row, messages, "negative_messages") for messages in row.values.get("negative_messages") or ()]
    zeros = (0,) * len(positives)
    return row.training(
        _conversation_text(row, row.value("messages"), "messages"),
        (*positives, *negatives),
        (1,) * len(positives) + (0,) * len(negatives),
        query_id=row.id("anchor_id"),
        ids=row.ids("positive_id", "negative_ids"),
        scores=row.numbers("scores"),
        ranks=zeros + row.counts("ranks") if "ranks" in row else (),
        tiers=zeros + row.counts("tiers") if "tiers" in row else (),
        extra=own_columns(row.values, RESERVED_COLUMNS),
    )


def _messages(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def _conversation_text(row: ParsedRow, messages: Sequence[Any], name: str) -> str:
    if not isinstance(messages, list | tuple) or not all(isinstance(message, dict) for message in messages):
        row.fail(f"'{name}' holds {type_name(messages)}; messages with 'role' and 'content' are needed")
    return "\n".join(row.within(message).text("content") for message in messages)


MS_SWIFT = Format(write, read, matches=lambda row: "messages" in row and "positive_messages" in row, unit="pair")

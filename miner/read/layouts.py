"""Rows of formats with nested or implicit values: they become rows with a column for each value.

MS MARCO's question answering (`passages` with `is_selected`), ms-swift's conversations, and labeled-list and labeled-pair with scores
instead of labels. A row of any other format is unchanged. Imports its neighbours only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from miner.errors import InputError
from miner.read.rejects import BadRow
from miner.support.value_types import type_name

Row = dict[str, Any]

SELECTED, SELECTED_TEXT = "passages.is_selected", "passages.passage_text"
FIRST, TOP_RANK = "place in 'positive'", "rank 0"
"""Columns that are added here: labels that follow from the order of the passages, or from their ranks."""
LABEL_COLUMNS = ("label", "labels", "grade", "grades")
PAIR_COLUMNS = {"anchor", "positive"}


def unfold(row: Row, fields: Mapping[str, str]) -> Row:
    """Return the row with a column for each value. fields: the user's column names; a layout that contradicts them is not used."""
    if isinstance(row.get("passages"), dict | list):
        return _unfold_selected(row)
    if "messages" in row and "positive_messages" in row:
        return _unfold_conversations(row)
    if row.keys() >= PAIR_COLUMNS and not fields.keys() & {"query", "positive", "grade"}:
        return _label_scored(row)
    return row


def _unfold_selected(row: Row) -> Row:
    """Unfold `passages`: {is_selected: [...], passage_text: [...]}, or a list of such objects."""
    passages = row["passages"]
    if isinstance(passages, list):
        if not passages or not all(isinstance(passage, dict) and {"is_selected", "passage_text"} <= passage.keys() for passage in passages):
            return row
        passages = {name: [passage.get(name) for passage in passages] for name in passages[0]}
    if not {"is_selected", "passage_text"} <= passages.keys():
        return row
    other_columns = {name: value for name, value in row.items() if name != "passages"}
    return {**other_columns, **{f"passages.{name}": value for name, value in passages.items()}}


def _unfold_conversations(row: Row) -> Row:
    """Replace every conversation by the content of its messages, joined by line ends."""
    texts = {"messages": _join_messages(row["messages"], "messages")}
    for name in ("positive_messages", "negative_messages"):
        if row.get(name) is not None:
            if not isinstance(row[name], list):
                raise BadRow(f"'{name}' is {type_name(row[name])}; a list of conversations is needed")
            texts[name] = [_join_messages(messages, name) for messages in row[name]]
    return {**row, **texts}


def _join_messages(messages: Any, name: str) -> Any:
    if not isinstance(messages, list) or not all(
        isinstance(message, dict) and isinstance(message.get("content"), str) for message in messages
    ):
        raise BadRow(f"'{name}' holds {type_name(messages)}; messages with 'role' and 'content' are needed")
    return "\n".join(message["content"] for message in messages)


def _label_scored(row: Row) -> Row:
    """Add labels to labeled-list and labeled-pair with scores: the first passage of a list, or the passage of rank 0, is the positive."""
    if any(name in row for name in LABEL_COLUMNS) or any("neg" in str(name) for name in row):
        return row
    if isinstance(row["positive"], list) and isinstance(row.get("scores"), list):
        return {**row, FIRST: [int(not position) for position in range(len(row["positive"]))]}
    if "score" not in row:
        return row
    if "rank" not in row:
        raise InputError(
            "anchor, positive and score are labeled-pair, whose scores do not say which passages are positives: "
            "--field grade=- if all are, --field grade=score if it is a judgement, or export with labels or ranks"
        )
    return {**row, TOP_RANK: int(str(row["rank"]) == "0" and str(row.get("tier") or 0) == "0")}


__all__ = ["FIRST", "SELECTED", "SELECTED_TEXT", "TOP_RANK", "unfold"]

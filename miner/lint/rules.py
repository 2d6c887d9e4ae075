"""The rules by name, and what a finding is."""

from __future__ import annotations

from typing import NamedTuple

RULES = {
    "unusable": "a row that no trainer reads as it is meant",
    "empty": "a query or a passage without text",
    "no_positive": "a row without a positive",
    "no_negative": "a row without a negative, where each row needs one",
    "no_label": "a passage, or a list of them, with neither labels nor scores",
    "positive_is_query": "a positive that is the query itself",
    "negative_is_query": "a negative that is the query itself",
    "negative_is_positive": "a negative that is a positive of the same query, in this row or another",
    "duplicate_negative": "the same negative twice in a row",
    "uneven": "a row with another number of negatives than most, where all need the same",
    "repeated_row": "the same row again",
    "string_for_list": "a string in place of a list: its characters would be passages",
    "list_in_text": "a cell of a table that is a list written as text, in place of one passage",
    "string_for_number": "a number in quotes",
    "mixed_ids": "a query id that is a number, where other rows have strings",
    "part_scores": "scores in some rows or of some passages only",
    "score_order": "a negative that scores no lower than a positive of its row",
    "column_order": "columns in another order than query, positive, negatives, where a trainer takes them by position",
    "extra_column": "a further column, where a trainer takes every column for a text",
    "byte_order_mark": "a byte order mark before the first row",
    "leak": "a query of the test set",
}


class Finding(NamedTuple):
    """One fault. passages: which of the row's passages are wrong; empty: the row as a whole. rewritten: writing the row anew mends it."""

    rule: str
    where: str
    message: str
    passages: tuple[int, ...] = ()
    rewritten: bool = False

"""Finds the row of an id, or of a text; a message about a missing one names the most similar ids."""

from __future__ import annotations

from difflib import get_close_matches
from itertools import islice

import pyarrow.compute as pc

from miner.errors import InputError
from miner.support.normalize import normalise
from miner.types import Texts

MAX_SUGGESTED_IDS = 3
"""Similar ids that an error message proposes for a missing id."""

MAX_SHOWN_IDS = 10
"""Ids of one text that an error message names."""

MIN_PART_CHARS = 5
"""Letters of a part of a text by which texts are looked for."""

MAX_SHOWN_CHARS = 80
"""Letters of a text that an error message shows."""

PLURALS = {"query": "queries", "passage": "passages"}

MAX_COMPARED_IDS = 20_000
"""Ids that are compared with a missing id."""

MAX_LENGTH_DIFFERENCE = 3
"""Letters by which ids of a large corpus may differ in length from a missing id to be compared with it."""


def row_of(texts: Texts, name: str, kind: str) -> int:
    """The row of an id, or else of a text. InputError with similar ids where there is none, with the ids where several have the text."""
    start = 0
    for batch in texts.batches():
        position = pc.index(batch.column("id"), name).as_py()
        if position >= 0:
            return int(start + position)
        start += batch.num_rows
    if rows := _rows_of_text(texts, name):
        if len(rows) > 1:
            raise InputError(f"{len(rows):,} {PLURALS[kind]} have this text; give an id: {', '.join(texts.ids(rows[:MAX_SHOWN_IDS]))}")
        return rows[0]
    if rows := _rows_with_part(texts, name):
        holders = "; ".join(
            f"{text_id}: {text[:MAX_SHOWN_CHARS]}" for text_id, text in zip(texts.ids(rows), texts.texts(rows), strict=True)
        )
        raise InputError(f"there is no {kind} '{name}' in this run; it is part of the text of {holders}; give an id, or a whole text")
    suggestions = get_close_matches(name, _similar_ids(texts, name), n=MAX_SUGGESTED_IDS, cutoff=0.6)
    advice = (
        f"; the nearest ids: {', '.join(suggestions)}"
        if suggestions
        else f"; there are {start:,}, such as {', '.join(texts.ids(range(min(MAX_SUGGESTED_IDS, start))))}"
    )
    raise InputError(f"there is no {kind} '{name}' in this run{advice}")


def _rows_of_text(texts: Texts, text: str) -> list[int]:
    """The rows with exactly this text; where there is none, those with the same normalised text."""
    exact, alike, normal = [], [], normalise(text)
    for row, candidate in enumerate(candidate for batch in texts.all_texts() for candidate in batch):
        if candidate == text:
            exact.append(row)
        elif normalise(candidate) == normal:
            alike.append(row)
    return exact or alike


def _rows_with_part(texts: Texts, part: str) -> list[int]:
    """The first rows whose normalised text holds this part; none for a part of a few letters, which many texts hold."""
    normal = normalise(part)
    if len(normal) < MIN_PART_CHARS:
        return []
    candidates = enumerate(candidate for batch in texts.all_texts() for candidate in batch)
    return list(islice((row for row, candidate in candidates if normal in normalise(candidate)), MAX_SUGGESTED_IDS))


def _similar_ids(texts: Texts, name: str) -> list[str]:
    """Ids to compare with `name`: all of a small corpus; of a large one those of similar length with the same first or last two letters."""
    compare_all = len(texts) <= MAX_COMPARED_IDS
    ids: list[str] = []
    for batch in texts.batches():
        ids += (identifier for identifier in batch.column("id").to_pylist() if compare_all or _is_similar(identifier, name))
        if len(ids) > MAX_COMPARED_IDS:
            break
    return ids


def _is_similar(first: str, second: str) -> bool:
    return abs(len(first) - len(second)) <= MAX_LENGTH_DIFFERENCE and (first[:2] == second[:2] or first[-2:] == second[-2:])

"""The `corpus` argument: any one-dimensional collection of texts as a list of texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any

MAX_SHOWN_CHARS = 60
"""Characters of a value that a message shows."""


def corpus_texts(corpus: Any) -> list[str] | None:
    """Return the texts; None where there is no corpus.

    corpus: a list, a tuple, a column of `datasets`, a Series of pandas or polars, an array of NumPy or Arrow, or a generator.
    Raises ValueError for what is no collection of texts.
    """
    if corpus is None:
        return None
    if fault := _fault(corpus):
        raise ValueError(f"corpus is {fault}")
    values = corpus.to_pylist() if hasattr(corpus, "to_pylist") else corpus.tolist() if hasattr(corpus, "tolist") else list(corpus)
    for place, value in enumerate(values):
        if not isinstance(value, str):
            raise ValueError(f"corpus[{place}] is {_shown(value)}, of type {type(value).__name__}: every passage is a text")
    return [str(value) for value in values]


def _fault(corpus: Any) -> str:
    """Say what is wrong with a corpus as a whole; empty where nothing is."""
    kind = type(corpus).__name__
    if isinstance(corpus, str | bytes):
        return f"one text, {_shown(corpus)}: a list of texts is needed, [{_shown(corpus)}]"
    if isinstance(corpus, Mapping) or hasattr(corpus, "columns") or hasattr(corpus, "column_names"):
        return f"a table or a dict, of type {kind}: name the column of texts, corpus=table['text']"
    if isinstance(corpus, Set):
        return f"of type {kind}, which has no order: give a list, sorted(corpus)"
    if getattr(corpus, "ndim", 1) != 1:
        return f"an array of shape {corpus.shape}: one dimension is needed, a text for each passage"
    return "" if isinstance(corpus, Iterable) else f"of type {kind}: a list of texts is needed"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= MAX_SHOWN_CHARS else f"{text[: MAX_SHOWN_CHARS - 1]}…"

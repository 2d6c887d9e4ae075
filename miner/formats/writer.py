"""Rows of one format, block after block, without duplicates: a row with the texts of an earlier row is left out, and counted.

Two query ids of one text with a shared positive give the same rows, and so do two positives of one text. A trainer would see these rows
twice as often as the others. Texts are compared after normalisation, as in the linter.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import compress
from typing import Any

import numpy as np

from miner.formats.row_format import Format
from miner.support.normalize import plain_key
from miner.types import Bools, Dataset, Ints, Negatives, Rows, Texts, join_title

NEGATIVE_LISTS = ("rows", "scores", "ranks", "tiers")
PADDING = {"rows": -1, "scores": np.nan, "ranks": 0, "tiers": 0}

Key = tuple[Any, ...]


class RowWriter:
    """Called with a block of anchors in the order of query ids, it yields the block's rows. repeated: duplicate rows left out so far.

    Only queries with a duplicate text, and anchors with several positives, can repeat a row: no others are checked.
    """

    def __init__(self, shape: Format, dataset: Dataset, columns: Collection[str]) -> None:
        self.repeated = 0
        self._shape, self._dataset, self._columns = shape, dataset, columns
        self._keys = _query_keys(dataset.queries) if shape.unit != "judgement" else np.empty(0, dtype=np.uint64)
        key_groups = np.unique(self._keys, return_inverse=True, return_counts=True)
        self._is_repeated_query: Bools = key_groups[2][key_groups[1]] > 1
        self._written_keys: set[Key] = set()

    def __call__(self, negatives: Negatives, dataset: Dataset | None = None) -> Iterator[Any]:
        """Yield the rows of the block, without duplicates of earlier rows and without anchors that have no negative.

        dataset: that of the block, where its corpus is longer, by variations of the negatives.
        """
        dataset, with_negatives = dataset or self._dataset, _select(negatives, np.flatnonzero(negatives.counts > 0))
        return self._shape.write(dataset, self._without_repeats(with_negatives, dataset.corpus), self._columns)

    def _without_repeats(self, negatives: Negatives, corpus: Texts) -> Negatives:
        may_repeat = self._may_repeat(negatives) if self._shape.unit != "judgement" else np.zeros(len(negatives), dtype=bool)
        if not may_repeat.any():
            return negatives
        positions, certain = np.flatnonzero(may_repeat), np.flatnonzero(~may_repeat)
        keys = _passage_keys(corpus, *(getattr(negatives, name)[positions] for name in ("positives", "rows")))
        parts, order = [_select(negatives, certain)], certain.tolist()
        for position in positions.tolist():
            new_anchors = list(self._new_rows(_select(negatives, np.array([position])), keys))
            parts += new_anchors
            order += [position] * len(new_anchors)
        return _select(_concatenate(parts), np.argsort(order, kind="stable"))

    def _may_repeat(self, negatives: Negatives) -> Bools:
        """Return shape (B,): True for anchors of a repeated query text, and for anchors with two positives of the same text."""
        may_repeat = self._is_repeated_query[negatives.queries]
        with_several = np.flatnonzero(((negatives.positives >= 0).sum(axis=1) > 1) & ~may_repeat)
        if self._shape.unit != "anchor" and len(with_several):
            keys = _passage_keys(self._dataset.corpus, negatives.positives[with_several])
            for position, rows in zip(with_several.tolist(), negatives.positives[with_several].tolist(), strict=True):
                texts = [keys[row] for row in rows if row >= 0]
                may_repeat[position] = len(set(texts)) < len(texts)
        return may_repeat

    def _new_rows(self, anchor: Negatives, keys: dict[int, int]) -> Iterator[Negatives]:
        """Yield the parts of an anchor that are no duplicates of earlier rows, each as an anchor."""
        query = int(anchor.queries[0])
        written_keys = self._written_keys if self._is_repeated_query[query] else set[Key]()
        query_key = int(self._keys[query])
        positive_rows, negative_rows = ([int(row) for row in rows[0] if row >= 0] for rows in (anchor.positives, anchor.rows))
        negative_keys = tuple(keys[row] for row in negative_rows)
        if self._shape.unit == "anchor":
            anchor_key = (query_key, tuple(keys[row] for row in positive_rows), negative_keys)
            if self._are_first(written_keys, [anchor_key], bool(negative_rows)) == [True]:
                yield anchor
        elif self._shape.unit == "pair":
            is_written = len(negative_rows) == len(anchor.rows[0]) if self._shape.full else bool(negative_rows)
            pair_keys = [(query_key, keys[row], negative_keys) for row in positive_rows]
            yield _subset(anchor, self._are_first(written_keys, pair_keys, is_written), None)
        elif self._shape.unit == "passage":
            passage_keys = [(query_key, key, label) for label, key in _label_keys(positive_rows, negative_rows, keys)]
            is_first = self._are_first(written_keys, passage_keys, True)
            yield _subset(anchor, is_first[: len(positive_rows)], is_first[len(positive_rows) :])
        else:
            for number, row in enumerate(positive_rows):
                is_selected = [other == number for other in range(len(positive_rows))]
                triplet_keys = [(query_key, keys[row], key) for key in negative_keys]
                is_new = [key not in written_keys for key in triplet_keys]  # repeats within an anchor stay: the user may want them
                written_keys.update(triplet_keys)
                self.repeated += is_new.count(False)
                yield _subset(anchor, is_selected, is_new)

    def _are_first(self, written_keys: set[Key], rows: Sequence[Key], is_written: bool) -> list[bool]:
        """Return whether each row is the first with its texts; count the others, where the format would write them."""
        is_first = []
        for row in rows:
            is_first.append(row not in written_keys)
            written_keys.add(row)
        self.repeated += is_first.count(False) if is_written else 0
        return is_first


def _label_keys(positives: Sequence[int], negatives: Sequence[int], keys: dict[int, int]) -> Iterator[tuple[int, int]]:
    yield from ((1, keys[row]) for row in positives)
    yield from ((0, keys[row]) for row in negatives)


def _subset(anchor: Negatives, positives: Sequence[bool], negatives: Sequence[bool] | None) -> Negatives:
    """Return an anchor with the selected positives and negatives, in the same order; None: all negatives."""
    is_present = anchor.positives[0] >= 0
    is_kept = np.zeros(len(is_present), dtype=bool)
    is_kept[is_present] = positives
    subset = replace(
        anchor,
        positives=np.where(is_kept, anchor.positives, -1).astype(anchor.positives.dtype),
        positive_scores=np.where(is_kept, anchor.positive_scores, np.nan).astype(anchor.positive_scores.dtype),
    )
    if negatives is None or all(negatives):
        return subset
    positions = list(compress(np.flatnonzero(anchor.rows[0] >= 0).tolist(), negatives))
    lists = {name: _move_to_front(getattr(anchor, name), positions, PADDING[name]) for name in NEGATIVE_LISTS}
    return replace(subset, **lists, sources={name: _move_to_front(ranks, positions, 0) for name, ranks in anchor.sources.items()})


def _move_to_front(values: Any, positions: Sequence[int], empty: float) -> Any:
    """Return shape (1, M): the values at `positions` first, then padding."""
    out = np.full_like(values, empty)
    out[:, : len(positions)] = values[:, list(positions)]
    return out


def _select(negatives: Negatives, positions: Ints) -> Negatives:
    names = ("queries", "positives", "positive_scores", *NEGATIVE_LISTS)
    arrays: dict[str, Any] = {name: getattr(negatives, name)[positions] for name in names}
    return Negatives(**arrays, sources={name: ranks[positions] for name, ranks in negatives.sources.items()})


def _concatenate(parts: Sequence[Negatives]) -> Negatives:
    names = ("queries", "positives", "positive_scores", *NEGATIVE_LISTS)
    arrays: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return Negatives(**arrays, sources={name: np.concatenate([part.sources[name] for part in parts]) for name in parts[0].sources})


def _query_keys(texts: Texts) -> Any:
    keys = (plain_key(text) for batch in texts.all_texts() for text in batch)
    return np.fromiter(keys, dtype=np.uint64, count=len(texts))


def _passage_keys(corpus: Texts, *parts: Rows) -> dict[int, int]:
    """Return the key of every passage, by row."""
    rows = np.unique(np.concatenate([rows_of_part.ravel() for rows_of_part in parts]))
    rows = rows[rows >= 0].astype(np.int64)
    columns = zip(corpus.column("title", rows), corpus.column("text", rows), strict=True)
    return {row: plain_key(join_title(*texts)) for row, texts in zip(rows.tolist(), columns, strict=True)}

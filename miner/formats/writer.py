"""Rows of one format, block after block: a row whose texts stood in an earlier one is left out, and counted.

Two ids of one question with a shared positive give the same rows, and so do two positives of one text. A trainer would see these rows
twice as often as the others. Texts are compared normalised, as the linter does.
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

LISTS = ("rows", "scores", "ranks", "tiers")
EMPTY = {"rows": -1, "scores": np.nan, "ranks": 0, "tiers": 0}

Key = tuple[Any, ...]


class RowWriter:
    """Called with a block of anchors in the order of query ids, it gives the block's rows. repeated: rows left out so far.

    Only queries whose text is there twice, and anchors with several positives, can repeat a row: no others are looked at.
    """

    def __init__(self, shape: Format, dataset: Dataset, columns: Collection[str]) -> None:
        self.repeated = 0
        self._shape, self._dataset, self._columns = shape, dataset, columns
        self._keys = _keys_of(dataset.queries) if shape.unit != "judgement" else np.empty(0, dtype=np.uint64)
        again = np.unique(self._keys, return_inverse=True, return_counts=True)
        self._asked_again: Bools = again[2][again[1]] > 1
        self._seen: set[Key] = set()

    def __call__(self, negatives: Negatives) -> Iterator[Any]:
        """The rows of the block, without those that stood before and without anchors that have no negative."""
        some = _take(negatives, np.flatnonzero(negatives.found > 0))
        return self._shape.write(self._dataset, self._distinct(some), self._columns)

    def _distinct(self, negatives: Negatives) -> Negatives:
        doubtful = self._doubtful(negatives) if self._shape.unit != "judgement" else np.zeros(len(negatives), dtype=bool)
        if not doubtful.any():
            return negatives
        places, others = np.flatnonzero(doubtful), np.flatnonzero(~doubtful)
        keys = _passage_keys(self._dataset.corpus, *(getattr(negatives, name)[places] for name in ("positives", "rows")))
        parts, order = [_take(negatives, others)], others.tolist()
        for place in places.tolist():
            new = list(self._new(_take(negatives, np.array([place])), keys))
            parts += new
            order += [place] * len(new)
        return _take(_joined(parts), np.argsort(order, kind="stable"))

    def _doubtful(self, negatives: Negatives) -> Bools:
        """Shape (B,): anchors of a question that is asked again, and those of which two positives have the same text."""
        doubtful = self._asked_again[negatives.queries]
        several = np.flatnonzero(((negatives.positives >= 0).sum(axis=1) > 1) & ~doubtful)
        if self._shape.unit != "anchor" and len(several):
            keys = _passage_keys(self._dataset.corpus, negatives.positives[several])
            for place, rows in zip(several.tolist(), negatives.positives[several].tolist(), strict=True):
                said = [keys[row] for row in rows if row >= 0]
                doubtful[place] = len(set(said)) < len(said)
        return doubtful

    def _new(self, anchor: Negatives, keys: dict[int, int]) -> Iterator[Negatives]:
        """What an anchor says that was not said before, as anchors of its own."""
        query = int(anchor.queries[0])
        seen = self._seen if self._asked_again[query] else set[Key]()
        asked = int(self._keys[query])
        positives, found = ([int(row) for row in rows[0] if row >= 0] for rows in (anchor.positives, anchor.rows))
        told = tuple(keys[row] for row in found)
        if self._shape.unit == "anchor":
            if self._first(seen, [(asked, tuple(keys[row] for row in positives), told)], bool(found)) == [True]:
                yield anchor
        elif self._shape.unit == "pair":
            written = len(found) == len(anchor.rows[0]) if self._shape.full else bool(found)
            yield _cut(anchor, self._first(seen, [(asked, keys[row], told) for row in positives], written), None)
        elif self._shape.unit == "passage":
            first = self._first(seen, [(asked, key, label) for label, key in _labelled(positives, found, keys)], True)
            yield _cut(anchor, first[: len(positives)], first[len(positives) :])
        else:
            for place, row in enumerate(positives):
                alone = [other == place for other in range(len(positives))]
                new = [(asked, keys[row], key) not in seen for key in told]  # not of one another: the user may have asked to repeat
                seen.update((asked, keys[row], key) for key in told)
                self.repeated += new.count(False)
                yield _cut(anchor, alone, new)

    def _first(self, seen: set[Key], rows: Sequence[Key], written: bool) -> list[bool]:
        """Whether each of some rows is the first of its texts; the others are counted, where the format writes them."""
        new = []
        for row in rows:
            new.append(row not in seen)
            seen.add(row)
        self.repeated += new.count(False) if written else 0
        return new


def _labelled(positives: Sequence[int], found: Sequence[int], keys: dict[int, int]) -> Iterator[tuple[int, int]]:
    yield from ((1, keys[row]) for row in positives)
    yield from ((0, keys[row]) for row in found)


def _cut(anchor: Negatives, positives: Sequence[bool], found: Sequence[bool] | None) -> Negatives:
    """One anchor with some of its positives and, best first as before, some of its negatives; None: all."""
    there = anchor.positives[0] >= 0
    kept = np.zeros(len(there), dtype=bool)
    kept[there] = positives
    cut = replace(
        anchor,
        positives=np.where(kept, anchor.positives, -1).astype(anchor.positives.dtype),
        positive_scores=np.where(kept, anchor.positive_scores, np.nan).astype(anchor.positive_scores.dtype),
    )
    if found is None or all(found):
        return cut
    places = list(compress(np.flatnonzero(anchor.rows[0] >= 0).tolist(), found))
    lists = {name: _moved(getattr(anchor, name), places, EMPTY[name]) for name in LISTS}
    return replace(cut, **lists, sources={name: _moved(ranks, places, 0) for name, ranks in anchor.sources.items()})


def _moved(values: Any, places: Sequence[int], empty: float) -> Any:
    """Shape (1, M): the values at `places` first, then nothing."""
    out = np.full_like(values, empty)
    out[:, : len(places)] = values[:, list(places)]
    return out


def _take(negatives: Negatives, places: Ints) -> Negatives:
    names = ("queries", "positives", "positive_scores", *LISTS)
    arrays = {name: getattr(negatives, name)[places] for name in names}
    return Negatives(**arrays, sources={name: ranks[places] for name, ranks in negatives.sources.items()})


def _joined(parts: Sequence[Negatives]) -> Negatives:
    names = ("queries", "positives", "positive_scores", *LISTS)
    arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return Negatives(**arrays, sources={name: np.concatenate([part.sources[name] for part in parts]) for name in parts[0].sources})


def _keys_of(texts: Texts) -> Any:
    keys = (plain_key(text) for batch in texts.all_texts() for text in batch)
    return np.fromiter(keys, dtype=np.uint64, count=len(texts))


def _passage_keys(corpus: Texts, *places: Rows) -> dict[int, int]:
    """The key of every passage that occurs, by row."""
    rows = np.unique(np.concatenate([each.ravel() for each in places]))
    rows = rows[rows >= 0].astype(np.int64)
    columns = zip(corpus.column("title", rows), corpus.column("text", rows), strict=True)
    return {row: plain_key(join_title(*both)) for row, both in zip(rows.tolist(), columns, strict=True)}

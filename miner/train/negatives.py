"""The negatives of one round: old ones judged again with the current model, new ones mined with it, both in their shares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from miner.config import MiningConfig
from miner.runs.rechoose import Choice, choices
from miner.train.config import LoopConfig
from miner.train.notebook import EASY, Notebook
from miner.types import Dataset, Negatives

Key = tuple[str, str]
"""Query id, and positive id where each positive has its own ceiling (else "")."""


class Anchor(NamedTuple):
    """What a round settled for one anchor. rank: of its weakest positive among all retrieved; mass: gradient mass of its negatives."""

    negatives: tuple[str, ...]
    rank: int
    gap: float
    mass: float


@dataclass
class Round:
    """The outcome: blocks for a training file, anchors by key, counts."""

    blocks: list[Negatives] = field(default_factory=list)
    anchors: dict[Key, Anchor] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("retained", "refreshed", "evicted", "refused", "missing"), 0))


def assemble(
    candidates: Path, dataset: Dataset, mining: MiningConfig, rules: LoopConfig, turn: int, book: Notebook, last: dict[Key, Anchor]
) -> Round:
    """Choose the negatives of round `turn`, and write them into the notebook.

    candidates: stored by this round's mining, so old negatives are scored and judged by the current model; one that was not even
    retrieved has become easy. Of those that still hold, floor(retain × n) stay, the hardest first; new ones fill up.
    """
    made = Round()
    for choice in choices(candidates, dataset, mining):
        made.blocks.append(_block(choice, dataset, mining, rules, turn, book, last, made))
    return made


def _block(
    choice: Choice,
    dataset: Dataset,
    mining: MiningConfig,
    rules: LoopConfig,
    turn: int,
    book: Notebook,
    last: dict[Key, Anchor],
    made: Round,
) -> Negatives:
    negatives = choice.negatives
    names = _Names(dataset, choice)
    taken = [np.full(part.shape, fill, part.dtype) for part, fill in _parts(negatives)]
    reasons = ["", *mining.active_filters]
    for place, key in enumerate(names.keys(mining.anchor == "own")):
        seen = _Seen(choice, place, names, reasons, rules)
        kept = _judge_old(seen, key, book, last, made)[: int(rules.retain * mining.negatives)]
        new = [column for column in seen.chosen if column not in kept and (not rules.only_wrong or seen.wrong(column))]
        columns = sorted((kept + new)[: mining.negatives], key=lambda column: column)
        if not columns and seen.chosen:  # a query whose every negative is easy keeps its hardest: no row vanishes
            columns = seen.chosen[:1]
        made.counts["retained"] += len(kept)
        made.counts["refreshed"] += len(columns) - len(kept)
        made.counts["missing"] += mining.negatives - len(columns)
        for column in columns:
            book.trained(turn, key[0], seen.name(column), seen.score(column), wrong=seen.wrong(column))
        for array, source in zip(taken, seen.told(columns), strict=True):
            array[place, : len(columns)] = source
        made.anchors[key] = seen.anchor(columns)
    rows, scores, ranks, tiers = taken
    return Negatives(negatives.queries, negatives.positives, negatives.positive_scores, rows, scores, ranks, tiers)


def _judge_old(seen: _Seen, key: Key, book: Notebook, last: dict[Key, Anchor], made: Round) -> list[int]:
    """Columns of the last round's negatives that still hold, hardest first; the others leave with their reason in the notebook."""
    kept = []
    for passage in last[key].negatives if key in last else ():
        column = seen.column(passage)
        if column is None or seen.easy(column):
            book.judged(key[0], passage, float("nan") if column is None else seen.score(column), EASY)
            made.counts["evicted"] += 1
        elif seen.reason(column):
            book.judged(key[0], passage, seen.score(column), f"refused:{seen.reason(column)}")
            made.counts["refused"] += 1
        else:
            kept.append(column)
    return sorted(kept)


class _Names:
    """Ids of a block's queries and passages, fetched once."""

    def __init__(self, dataset: Dataset, choice: Choice) -> None:
        rows = np.unique(np.concatenate([choice.anchors.rows.ravel(), choice.negatives.rows.ravel(), choice.anchors.positives.ravel()]))
        rows = rows[rows >= 0].astype(np.int64)
        self.passages = dict(zip(rows.tolist(), dataset.corpus.ids(rows), strict=True))
        self._queries = dataset.queries.ids(choice.anchors.queries)
        self._positives = choice.anchors.positives

    def keys(self, own: bool) -> Iterator[Key]:
        for query, positives in zip(self._queries, self._positives.tolist(), strict=True):
            yield query, self.passages[positives[0]] if own else ""


class _Seen:
    """One anchor of a round's choice: its candidates by passage id, and what they are."""

    def __init__(self, choice: Choice, place: int, names: _Names, reasons: list[str], rules: LoopConfig) -> None:
        self._choice, self._place, self._names, self._reasons = choice, place, names, reasons
        self._rows, self._scores = choice.anchors.rows[place], choice.anchors.scores[place]
        self._columns = {row: column for column, row in enumerate(self._rows.tolist()) if row >= 0}
        self._ids = {names.passages[row]: column for row, column in self._columns.items()}
        bar, ground = float(choice.anchors.bar[place]), float(choice.anchors.background[place])
        height = max(bar - ground, 0.0)
        self._bar, self._hard, self._soft = bar, bar - rules.wrong * height, bar - rules.easy * height
        # A random fill was never retrieved: it has no column, and is left to the next round.
        found = choice.negatives.rows[place].tolist()
        self.chosen = [self._columns[row] for row in dict.fromkeys(found) if row in self._columns]
        self._tiers = {row: tier for row, tier in zip(found, choice.negatives.tiers[place].tolist(), strict=True) if row >= 0}

    def column(self, passage: str) -> int | None:
        return self._ids.get(passage)

    def name(self, column: int) -> str:
        name: str = self._names.passages[int(self._rows[column])]
        return name

    def score(self, column: int) -> float:
        return float(self._scores[column])

    def wrong(self, column: int) -> bool:
        return bool(self._scores[column] > self._hard)

    def easy(self, column: int) -> bool:
        return bool(self._scores[column] < self._soft)

    def reason(self, column: int) -> str:
        code = int(self._choice.dropped[self._place, column])
        return self._reasons[code] if code < len(self._reasons) else "padding"

    def told(self, columns: list[int]) -> list[Any]:
        """Rows, scores, ranks and tiers, as Negatives holds them."""
        rows = self._rows[columns]
        return [rows, self._scores[columns], np.array(columns, dtype=np.int32) + 1, [self._tiers.get(row, 0) for row in rows.tolist()]]

    def anchor(self, columns: list[int]) -> Anchor:
        known = self._choice.anchors.evidence.get("known_positive")
        others = self._rows >= 0 if known is None else (self._rows >= 0) & ~known[self._place].astype(bool)
        scores = self._scores[columns].astype(np.float64)
        logits = np.exp(20 * (scores - self._bar)).sum()
        gap = float(self._bar - scores.mean()) if len(scores) else 0.0
        rank = 1 + int((self._scores[others] > self._bar).sum())
        return Anchor(tuple(self.name(column) for column in columns), rank, gap, float(logits / (1 + logits)))


def _parts(negatives: Negatives) -> list[tuple[Any, Any]]:
    return [(negatives.rows, -1), (negatives.scores, np.nan), (negatives.ranks, 0), (negatives.tiers, 0)]

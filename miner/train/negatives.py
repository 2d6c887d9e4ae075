"""The negatives of one round: those of the previous round, filtered again with the current model, and new ones, in their shares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from miner.config import MiningConfig
from miner.runs.rechoose import Choice, choices
from miner.train.config import LoopConfig
from miner.train.notebook import EASY, Notebook
from miner.types import Dataset, Negatives

AnchorKey = tuple[str, str]
"""Query id, and positive id where each positive has its own ceiling (else "")."""


class AnchorResult(NamedTuple):
    """The result of a round for one anchor.

    negatives: passage ids.
    rank: 1-based rank of its weakest positive among the candidates.
    gap: reference score minus the mean score of the negatives.
    mass: share of the softmax on the negatives (gradient mass).
    """

    negatives: tuple[str, ...]
    rank: int
    gap: float
    mass: float


@dataclass
class Round:
    """The result of a round: blocks for a training file, anchors by key, counts."""

    blocks: list[Negatives] = field(default_factory=list)
    anchors: dict[AnchorKey, AnchorResult] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("retained", "refreshed", "evicted", "refused", "missing"), 0))


@dataclass
class Assembly:
    """What the negatives of one round follow from. previous: the anchors of the round before."""

    dataset: Dataset
    mining: MiningConfig
    rules: LoopConfig
    round_number: int
    notebook: Notebook
    previous: Mapping[AnchorKey, AnchorResult]

    def assemble(self, candidates: Path) -> Round:
        """Choose the negatives of the round, and record them in the notebook.

        The candidates are those of this round's mining, so the previous negatives are scored and filtered with the current model; one that
        is no candidate any more has become easy. Of those that pass, floor(retain × n) stay, the hardest first; new negatives fill the row.
        """
        result = Round()
        for choice in choices(candidates, self.dataset, self.mining):
            result.blocks.append(self._block(choice, result))
        return result

    def _block(self, choice: Choice, result: Round) -> Negatives:
        negatives = choice.negatives
        names = _Ids(self.dataset, choice)
        arrays = [np.full(part.shape, fill, part.dtype) for part, fill in _empty_values(negatives)]
        reasons = ["", *self.mining.active_filters]
        for position, key in enumerate(names.keys(self.mining.anchor == "own")):
            candidates = _AnchorCandidates(choice, position, names, reasons, self.rules)
            columns = self._columns(candidates, key, result)
            for array, source in zip(arrays, candidates.arrays(columns), strict=True):
                array[position, : len(columns)] = source
            result.anchors[key] = candidates.anchor(columns)
        rows, scores, ranks, tiers = arrays
        return Negatives(negatives.queries, negatives.positives, negatives.positive_scores, rows, scores, ranks, tiers)

    def _columns(self, candidates: _AnchorCandidates, key: AnchorKey, result: Round) -> list[int]:
        """Return the columns of an anchor's negatives in this round; count them, and record each in the notebook."""
        width, only_wrong = self.mining.negatives, self.rules.only_wrong
        retained = self._judge_previous(candidates, key, result)[: int(self.rules.retain * width)]
        new = [column for column in candidates.selection if column not in retained and (not only_wrong or candidates.wrong(column))]
        columns = sorted((retained + new)[:width])
        if not columns and candidates.selection:  # a query whose every negative is easy keeps its hardest: no row vanishes
            columns = candidates.selection[:1]
        result.counts["retained"] += len(retained)
        result.counts["refreshed"] += len(columns) - len(retained)
        result.counts["missing"] += width - len(columns)
        for column in columns:
            self.notebook.record_training(
                self.round_number, key[0], candidates.name(column), candidates.score(column), wrong=candidates.wrong(column)
            )
        return columns

    def _judge_previous(self, candidates: _AnchorCandidates, key: AnchorKey, result: Round) -> list[int]:
        """Return the columns of the previous negatives that still pass, hardest first; record in the notebook why the others leave."""
        retained = []
        for passage in self.previous[key].negatives if key in self.previous else ():
            column = candidates.column(passage)
            if column is None or candidates.easy(column):
                self.notebook.update(key[0], passage, float("nan") if column is None else candidates.score(column), EASY)
                result.counts["evicted"] += 1
            elif candidates.reason(column):
                self.notebook.update(key[0], passage, candidates.score(column), f"refused:{candidates.reason(column)}")
                result.counts["refused"] += 1
            else:
                retained.append(column)
        return sorted(retained)


class _Ids:
    """Ids of a block's queries and passages, fetched once."""

    def __init__(self, dataset: Dataset, choice: Choice) -> None:
        rows = np.unique(np.concatenate([choice.anchors.rows.ravel(), choice.negatives.rows.ravel(), choice.anchors.positives.ravel()]))
        rows = rows[rows >= 0].astype(np.int64)
        self.passages = dict(zip(rows.tolist(), dataset.corpus.ids(rows), strict=True))
        self._queries = dataset.queries.ids(choice.anchors.queries)
        self._positives = choice.anchors.positives

    def keys(self, per_positive: bool) -> Iterator[AnchorKey]:
        for query, positives in zip(self._queries, self._positives.tolist(), strict=True):
            yield query, self.passages[positives[0]] if per_positive else ""


class _AnchorCandidates:
    """The candidates of one anchor, by column and by passage id, with their scores and drop reasons."""

    def __init__(self, choice: Choice, position: int, names: _Ids, reasons: list[str], rules: LoopConfig) -> None:
        self._choice, self._position, self._names, self._reasons = choice, position, names, reasons
        self._rows, self._scores = choice.anchors.rows[position], choice.anchors.scores[position]
        self._columns = {row: column for column, row in enumerate(self._rows.tolist()) if row >= 0}
        self._ids = {names.passages[row]: column for row, column in self._columns.items()}
        reference_score, noise_floor = float(choice.anchors.reference_scores[position]), float(choice.anchors.noise_floors[position])
        height = max(reference_score - noise_floor, 0.0)
        self._reference_score = reference_score
        self._wrong_threshold, self._easy_threshold = reference_score - rules.wrong * height, reference_score - rules.easy * height
        chosen_rows = choice.negatives.rows[position].tolist()
        self.selection = [self._columns[row] for row in dict.fromkeys(chosen_rows) if row >= 0]
        self._tiers = {row: tier for row, tier in zip(chosen_rows, choice.negatives.tiers[position].tolist(), strict=True) if row >= 0}

    def column(self, passage: str) -> int | None:
        return self._ids.get(passage)

    def name(self, column: int) -> str:
        name: str = self._names.passages[int(self._rows[column])]
        return name

    def score(self, column: int) -> float:
        return float(self._scores[column])

    def wrong(self, column: int) -> bool:
        return bool(self._scores[column] > self._wrong_threshold)

    def easy(self, column: int) -> bool:
        return bool(self._scores[column] < self._easy_threshold)

    def reason(self, column: int) -> str:
        code = int(self._choice.dropped[self._position, column])
        return self._reasons[code] if code < len(self._reasons) else "padding"

    def arrays(self, columns: list[int]) -> list[Any]:
        """Return rows, scores, ranks and fallback levels, as Negatives holds them."""
        rows = self._rows[columns]
        return [rows, self._scores[columns], np.array(columns, dtype=np.int32) + 1, [self._tiers.get(row, 0) for row in rows.tolist()]]

    def anchor(self, columns: list[int]) -> AnchorResult:
        is_known_positive = self._choice.anchors.evidence.get("known_positive")
        other_candidates = self._rows >= 0
        if is_known_positive is not None:
            other_candidates &= ~is_known_positive[self._position].astype(bool)
        scores = self._scores[columns].astype(np.float64)
        logits = np.exp(20 * (scores - self._reference_score)).sum()
        gap = float(self._reference_score - scores.mean()) if len(scores) else 0.0
        rank = 1 + int((self._scores[other_candidates] > self._reference_score).sum())
        return AnchorResult(tuple(self.name(column) for column in columns), rank, gap, float(logits / (1 + logits)))


def _empty_values(negatives: Negatives) -> list[tuple[Any, Any]]:
    return [(negatives.rows, -1), (negatives.scores, np.nan), (negatives.ranks, 0), (negatives.tiers, 0)]

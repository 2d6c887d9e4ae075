"""The candidates of one anchor under the current model: scores, drop reasons, what is wrong and what is easy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from miner.core.near_duplicates import exclude_near_duplicates
from miner.runs.rechoose import Choice
from miner.train.config import LoopConfig
from miner.train.notebook import AnchorKey
from miner.types import Dataset


class Pick(NamedTuple):
    """A candidate that may train: passage id, corpus row, score, 1-based rank, fallback level."""

    passage: str
    row: int
    score: float
    rank: int
    tier: int


class BlockIds:
    """Ids of a block's queries and passages, fetched once."""

    def __init__(self, dataset: Dataset, choice: Choice) -> None:
        rows = np.unique(np.concatenate([choice.anchors.rows.ravel(), choice.negatives.rows.ravel(), choice.anchors.positives.ravel()]))
        rows = rows[rows >= 0].astype(np.int64)
        self.passages = dict(zip(rows.tolist(), dataset.corpus.ids(rows), strict=True))
        self._queries = dataset.queries.ids(choice.anchors.queries)
        self._positives = choice.anchors.positives

    def keys(self, per_positive: bool) -> Iterator[AnchorKey]:
        """The key of each anchor, in order."""
        for query, positives in zip(self._queries, self._positives.tolist(), strict=True):
            yield query, self.passages[positives[0]] if per_positive else ""


class AnchorCandidates:
    """The candidates of the anchor at `position` of a block.

    reasons: names of the filters, by drop code. rules: the thresholds, as shares of the height (reference score - noise floor).
    """

    def __init__(self, choice: Choice, position: int, ids: BlockIds, reasons: list[str], rules: LoopConfig) -> None:
        self._choice, self._position, self._ids, self._reasons = choice, position, ids, reasons
        self._rows, self._scores = choice.anchors.rows[position], choice.anchors.scores[position]
        self._columns = {row: column for column, row in enumerate(self._rows.tolist()) if row >= 0}
        self._by_id = {ids.passages[row]: column for row, column in self._columns.items()}
        self.reference_score = float(choice.anchors.reference_scores[position])
        self._height = max(self.reference_score - float(choice.anchors.noise_floors[position]), 0.0)
        self._wrong_threshold = self.reference_score - rules.wrong * self._height
        self._easy_threshold = self.reference_score - rules.easy * self._height
        chosen_rows = choice.negatives.rows[position].tolist()
        self.selection = [self._columns[row] for row in dict.fromkeys(chosen_rows) if row >= 0]
        self._tiers = {row: tier for row, tier in zip(chosen_rows, choice.negatives.tiers[position].tolist(), strict=True) if row >= 0}

    def column(self, passage: str) -> int | None:
        """The column of a passage, None where it is no candidate."""
        return self._by_id.get(passage)

    def name(self, column: int) -> str:
        """The passage id of a column."""
        name: str = self._ids.passages[int(self._rows[column])]
        return name

    def score(self, column: int) -> float:
        """The score of a column."""
        return float(self._scores[column])

    def tier(self, column: int) -> int:
        """The fallback level that a column was chosen at; 0 where it was not chosen."""
        tier: int = self._tiers.get(int(self._rows[column]), 0)
        return tier

    def is_wrong(self, score: float) -> bool:
        """Whether the model scores a negative too high."""
        return score > self._wrong_threshold

    def is_easy(self, score: float) -> bool:
        """Whether a negative lies so low that the model has learnt it."""
        return score < self._easy_threshold

    def relative_gap(self, score: float) -> float:
        """(reference score - score) / height: 0 at the positive, 1 at the noise floor; NaN without a height."""
        return (self.reference_score - score) / self._height if self._height else float("nan")

    def reason(self, column: int) -> str:
        """The filter that drops a column, "" where none does."""
        code = int(self._choice.dropped[self._position, column])
        return self._reasons[code] if code < len(self._reasons) else "padding"

    def unlike(self, taken: Sequence[int], others: list[int], cosine: float | None) -> list[int]:
        """Those of `others` that are no near-duplicates of `taken` or of an earlier one; all of them without a `cosine`."""
        if cosine is None or not others:
            return others
        slots = np.full((1, len(taken) + len(others)), -1, dtype=np.int32)
        slots[0, : len(taken)] = self._rows[list(taken)]
        rows = self._rows[others][None, :]
        vectors = self._choice.anchors.shared["vectors"]
        is_unlike = exclude_near_duplicates(rows, np.ones(rows.shape, dtype=bool), slots, vectors, cosine)[0]
        return [column for column, fits in zip(others, is_unlike.tolist(), strict=True) if fits]

    def pick(self, column: int) -> Pick:
        """A column with all that the training file needs of it."""
        return Pick(self.name(column), int(self._rows[column]), self.score(column), column + 1, self.tier(column))

    def positive_rank(self) -> int:
        """The 1-based rank of the weakest positive among the candidates that are no known positives."""
        is_known_positive = self._choice.anchors.evidence.get("known_positive")
        others = self._rows >= 0
        if is_known_positive is not None:
            others = others & ~is_known_positive[self._position].astype(bool)
        return 1 + int((self._scores[others] > self.reference_score).sum())

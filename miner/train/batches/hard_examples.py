"""Hard example mining, offline (the older form of OHEM): before each pass every row's loss is measured, and hard rows come more often.

rows with the highest `guard` share of losses are left out: the hardest of all are mostly wrong labels
of the others, the `share` with the highest losses come `times` times, the rest once
rows of groups smaller than the mean group come `times` times too, where groups are known
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from miner.train.batches.row_batches import RowBatches
from miner.train.parts.knobs import check_numbers


class HardExamples(RowBatches):
    """Rows by loss.

    losses: function called before each pass; it returns (rows,), higher is harder.
    share: share of the rows that are hard.
    times: how often hard rows come in a pass.
    guard: share of the rows, with the highest losses, that is left out.
    groups: each row's group, or None.
    """

    def __init__(
        self,
        dataset: Any,
        *,
        losses: Callable[[], NDArray[Any]],
        share: float = 0.3,
        times: int = 2,
        guard: float = 0.02,
        groups: Sequence[Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(dataset, **kwargs)
        self._losses, self.share, self.times, self.guard, self.groups = losses, share, times, guard, groups
        check_numbers(self, "hard_examples")
        self.last_repetitions: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        """Of each row, in the last pass."""

    def batches(self, draw: Any) -> list[list[int]]:
        """Return as many batches as an ordinary pass has: the repetitions of hard rows first, then all rows, up to that number."""
        repetitions = self.last_repetitions = self.repetitions(np.asarray(self._losses(), dtype=np.float64))
        turns = [np.flatnonzero(repetitions > turn) for turn in range(int(repetitions.max(initial=0)))]
        order = np.concatenate([rows[draw.permutation(len(rows))] for rows in reversed(turns)])  # repetitions of hard rows first
        return self.cut(order)

    def effects(self) -> Iterator[tuple[str, int, int]]:
        """Yield (what, count, of) of the last pass."""
        if len(self.last_repetitions):
            yield "rows that come several times in a pass", int((self.last_repetitions > 1).sum()), self.rows
            yield "rows left out as too hard", int((self.last_repetitions == 0).sum()), self.rows

    def repetitions(self, losses: NDArray[np.float64]) -> NDArray[np.int64]:
        """Shape (rows,): how often each row comes: 0 for the guard, `times` for hard rows and rows of small groups, 1 for the rest."""
        order = np.argsort(-losses, kind="stable")
        guarded = int(self.guard * self.rows)
        repetitions = np.ones(self.rows, dtype=np.int64)
        repetitions[order[guarded : guarded + int(np.ceil(self.share * (self.rows - guarded)))]] = self.times
        if self.groups is not None:
            _, place, sizes = np.unique(np.asarray(self.groups), return_inverse=True, return_counts=True)
            repetitions[sizes[place] < sizes.mean()] = self.times
        repetitions[order[:guarded]] = 0
        return repetitions

"""High-loss mini-batches (arXiv 2304.03486): after a first pass only the `delta` share of batches with the highest last loss is trained.

Batches are made once and kept. After the first pass over all b of them: sort by last recorded loss, train the top max(1, int(delta b)),
record again, and so on. With `decay` above 0 the recorded loss of a batch that was left out grows by that share each turn, so that one
that was easy early is not starved for ever; 0 is the paper's rule. Evidence is mixed (some of its own models get worse): not a default.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from miner.support.noise import generator
from miner.train.batches.row_batches import RowBatches


class HighLoss(RowBatches):
    """Batches by loss. delta 1 is ordinary training in a fixed order. Report each batch's loss to `heard`, in their order."""

    def __init__(self, dataset: Any, *, delta: float = 0.5, decay: float = 0.0, **rest: Any) -> None:
        super().__init__(dataset, **rest)
        if not 0 < delta <= 1:
            raise ValueError(f"delta is {delta}; a share above 0 and at most 1 is wanted")
        self.delta, self.decay = delta, decay
        self.made = self.cut(generator(self.seed, "high loss").permutation(self.rows))
        self.losses: list[float | None] = [None] * len(self.made)
        self._waiting: deque[int] = deque()
        self.skip = 0
        """Batches that a resumed trainer will throw away unseen: nobody reports their losses."""

    def heard(self, loss: float) -> None:
        """The loss of the oldest batch that has none yet; a trainer fetches a batch or two ahead."""
        if self._waiting:
            self.losses[self._waiting.popleft()] = loss

    def __iter__(self) -> Iterator[list[int]]:
        """As many batches as there are: the first pass in order, later ones by loss."""
        budget = len(self.made)
        self._waiting.clear()
        if self.epoch == 0 or all(loss is None for loss in self.losses):
            yield from map(self._take, range(budget))
            return
        while budget > 0:
            turn = self.hardest()[: max(1, int(self.delta * len(self.made)))][:budget]
            budget -= len(turn)
            yield from map(self._take, turn)
            if self.decay:
                self.losses = [loss if loss is None or place in turn else loss * (1 + self.decay) for place, loss in enumerate(self.losses)]

    def state(self) -> dict[str, Any]:
        """What a resumed training needs, as JSON."""
        return {"losses": self.losses}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self.losses = list(state["losses"])

    def hardest(self) -> list[int]:
        """Batches by falling last loss; those never heard of first."""
        return sorted(range(len(self.made)), key=lambda place: (self.losses[place] is not None, -(self.losses[place] or 0.0), place))

    def _take(self, place: int) -> list[int]:
        if self.skip:
            self.skip -= 1
        else:
            self._waiting.append(place)
        return self.made[place]

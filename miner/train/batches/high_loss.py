"""High-loss mini-batches (arXiv 2304.03486): after a first pass only the `delta` share of batches with the highest last loss is trained.

Batches are drawn once and stay fixed. After the first pass over all b of them: sort by last recorded loss, train the top
max(1, int(delta b)), record again, and so on. Where all batches were measured beforehand, the first pass chooses too: a training of
one pass has no other (not in the paper). With `decay` above 0 the recorded loss of a batch that was left out grows by that share each
time, so that a batch that was easy early comes back; 0 is the paper's rule. Evidence is mixed (some of its own models get worse): not a
default.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from miner.errors import ConfigError
from miner.support.noise import generator
from miner.train.batches.row_batches import RowBatches
from miner.train.parts.knobs import check_numbers


class HighLoss(RowBatches):
    """Batches by loss. delta 1 is ordinary training in a fixed order. `connect` passes each batch's loss to `record_loss`, in their order.

    first_losses: function of all batches that returns the loss of each before training, in the unit of the training's loss; None: the
        first pass trains all of them.
    """

    def __init__(
        self,
        dataset: Any,
        *,
        delta: float = 0.5,
        decay: float = 0.0,
        first_losses: Callable[[list[list[int]]], Iterable[float]] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(dataset, **kwargs)
        self.delta, self.decay = delta, decay
        check_numbers(self, "high_loss")
        self.all_batches = self.cut(generator(self.seed, "high loss").permutation(self.rows))
        self.losses: list[float | None] = [None] * len(self.all_batches)
        self._is_measured = first_losses is not None
        if first_losses is not None:
            self.losses = [float(loss) for loss in first_losses(self.all_batches)]
        self.counts = [0] * len(self.all_batches)
        """How often each batch was trained."""
        self._batches_without_loss: deque[int] = deque()
        self.skip = 0
        """Number of batches that a resumed trainer skips: their losses are never reported."""

    def record_loss(self, loss: float) -> None:
        """Record the loss of the oldest batch without one; a trainer fetches a batch or two ahead."""
        if self._batches_without_loss:
            place = self._batches_without_loss.popleft()
            self.losses[place] = loss
            self.counts[place] += 1

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the batches of a pass: the first pass in order, unless they were measured; later ones by loss.

        ConfigError in a later pass where no loss was recorded: nothing would be chosen.
        """
        if self.epoch and self._batches_without_loss and not any(self.counts):
            raise ConfigError("HighLoss got no loss in its pass before: call hardneg.train.connect(trainer) before trainer.train()")
        budget = len(self.all_batches)
        self._batches_without_loss.clear()
        if (self.epoch == 0 and not self._is_measured) or all(loss is None for loss in self.losses):
            yield from map(self._take, range(budget))
            return
        while budget > 0:
            selection = self.hardest()[: max(1, int(self.delta * len(self.all_batches)))][:budget]
            budget -= len(selection)
            yield from map(self._take, selection)
            if self.decay:
                self.losses = [
                    loss if loss is None or place in selection else loss * (1 + self.decay) for place, loss in enumerate(self.losses)
                ]

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint, as JSON."""
        return {"losses": self.losses, "counts": self.counts}

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore `state`; an earlier version stored no counts."""
        self.losses, self.counts = list(state["losses"]), list(state.get("counts", self.counts))

    def effects(self) -> Iterator[tuple[str, int, int]]:
        """Yield (what, count, of): batches beyond those of ordinary training, and batches that were not trained at all."""
        trained, ordinary = sum(self.counts), -(-sum(self.counts) // max(1, len(self.counts)))
        yield "trained batches in place of easier ones", sum(max(0, count - ordinary) for count in self.counts), trained
        yield "batches never trained", sum(not count for count in self.counts), len(self.counts)

    def hardest(self) -> list[int]:
        """Return the batches by descending last loss; batches without a loss come first."""
        return sorted(range(len(self.all_batches)), key=lambda place: (self.losses[place] is not None, -(self.losses[place] or 0.0), place))

    def _take(self, place: int) -> list[int]:
        if self.skip:
            self.skip -= 1
        else:
            self._batches_without_loss.append(place)
        return self.all_batches[place]

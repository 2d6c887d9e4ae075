"""What sentence-transformers' trainer needs to train a part of a longer training."""

from __future__ import annotations

from typing import Any

from sentence_transformers import SentenceTransformerTrainer
from transformers import TrainerCallback

from miner.train.continuation import Continuation


class ContinuedTrainer(SentenceTransformerTrainer):  # type: ignore[misc]  # the base is untyped
    """The trainer of a part: its schedule is the part's share of the whole one."""

    continuation: Continuation

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """Return the schedule of all parts, from where this part begins."""
        scheduler = super().create_scheduler(self.continuation.total, optimizer)
        self.continuation.shift(scheduler, optimizer or self.optimizer)
        return scheduler


class ContinuedOptimizer(TrainerCallback):  # type: ignore[misc]  # the base is untyped
    """Gives the optimiser its state, unless a checkpoint of this part has it."""

    def __init__(self, continuation: Continuation) -> None:
        self._continuation = continuation

    def on_train_begin(self, args: Any, state: Any, control: Any, optimizer: Any = None, **_: Any) -> None:
        """Load the state of the part before."""
        if not state.global_step:
            self._continuation.load(optimizer)


def continued(continuation: Continuation) -> tuple[type[ContinuedTrainer], list[ContinuedOptimizer]]:
    """The trainer's class and the callbacks for one part."""
    part: type[ContinuedTrainer] = type("PartTrainer", (ContinuedTrainer,), {"continuation": continuation})
    return part, [ContinuedOptimizer(continuation)]

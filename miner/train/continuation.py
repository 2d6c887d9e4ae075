"""One training in several parts, with other rows in each: the optimiser and the schedule go on where the part before ended.

ANCE (Xiong et al. 2021) refreshes its negatives at fixed steps of one training. Here a part is a training of its own, so that it can be
resumed, watched and kept like any other; what passes from one to the next are the weights, the optimiser's state, and the step in the
schedule.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from miner.io.atomic import write_bytes
from miner.io.plain_files import read_bytes

STATE = "optimizer.pt"
"""The trainer's own file of a checkpoint, and the file that is passed on."""


@dataclass(frozen=True)
class Continuation:
    """Where a training stands in a longer one.

    before: the folder with the optimiser's state of the part before; None in the first part.
    after: the folder that takes the state of this part.
    done: optimiser steps of all parts before.
    total: optimiser steps of all parts, for the schedule.
    """

    before: Path | None
    after: Path
    done: int
    total: int

    def save(self, checkpoint: Path) -> None:
        """Keep the optimiser's state of the last checkpoint."""
        write_bytes(self.after / STATE, read_bytes(checkpoint / STATE))

    def load(self, optimizer: Any) -> None:
        """Give an optimiser the state of the part before."""
        if self.before is not None:
            import torch

            optimizer.load_state_dict(torch.load(self.before / STATE, map_location="cpu", weights_only=True))

    def shift(self, scheduler: Any, optimizer: Any) -> None:
        """Let a schedule of `total` steps begin at step `done`."""
        rates = [_later(rate, self.done) for rate in scheduler.lr_lambdas]
        scheduler.lr_lambdas = rates
        for group, base, rate in zip(optimizer.param_groups, scheduler.base_lrs, rates, strict=True):
            group["lr"] = base * rate(0)
        scheduler._last_lr = [group["lr"] for group in optimizer.param_groups]


def _later(rate: Any, done: int) -> Any:
    return lambda step: rate(step + done)

"""What a part may need of a training beside its knobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from miner.train.hardness import Encode
from miner.train.training_rows import Columns


@dataclass(frozen=True)
class Given:
    """What parts may need of a training: its columns, the base model's vectors, the trained model's as it is, the user's own function."""

    rows: Columns
    base: Encode
    now: Encode
    seed: int
    seen: list[Any] = field(default_factory=list)
    paraphrase: Callable[[str], str] | None = None

"""What watches a training: progress, dev scores, warnings that help the learner."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from sentence_transformers.base.evaluation import BaseEvaluator
from transformers import TrainerCallback

from miner.errors import ModelError

EXPLODED, SETTLED = 3.0, 5
"""A loss so many times its first average, after so many looks, is worth a word."""
CROWDED = 0.05
"""Share of rows that met their own positive as another row's passage."""


class DevScore(BaseEvaluator):  # type: ignore[misc]  # the base is untyped
    """The trainer's evaluator: our exact ranking, one number named `dev`."""

    def __init__(self, score: Callable[[Any], float | None]) -> None:
        super().__init__()
        self.primary_metric, self._score = "dev", score

    def __call__(self, model: Any, output_path: str | None = None, epoch: float = -1, steps: int = -1) -> dict[str, float]:
        """{"dev": the mean score of the model as it is}."""
        return {"dev": float(self._score(model) or 0.0)}


class Watch(TrainerCallback):  # type: ignore[misc]  # the base is untyped
    """Progress, and warnings: the loss explodes or is no number; a batch holds a row's positive as another row's passage."""

    def __init__(self, setting: Any, total: int) -> None:
        self._setting, self._total = setting, total
        self._losses: list[float] = []
        self._rows = self._crowded = 0

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Progress."""
        if self._setting.progress:
            self._setting.progress("train", state.global_step, self._total)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        """Look at the mean loss of the last steps."""
        if logs is None or "loss" not in logs:
            return
        self._losses.append(float(logs["loss"]))
        first = sum(self._losses[:SETTLED]) / len(self._losses[:SETTLED])
        if len(self._losses) > SETTLED and self._losses[-1] > EXPLODED * max(first, 1e-9):
            self._setting.warn(f"the loss rose to {self._losses[-1]:.3g} from {first:.3g} at first: the learning rate is too high")

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Tell about crowded batches."""
        if self._rows and self._crowded > CROWDED * self._rows:
            share = self._crowded / self._rows
            self._setting.warn(
                f"{share:.0%} of the rows met their own positive as another row's passage in their batch: use batch sampler no_duplicates"
            )

    def after_loss(self, samplers: list[Any]) -> Callable[..., None]:
        """A forward hook for the loss: stop where it is no number, and let samplers that learn from losses hear it."""

        def hook(module: Any, inputs: Any, output: Any) -> None:
            value = float(output.detach())
            if not math.isfinite(value):
                raise ModelError("the loss is no longer a number: lower the learning rate, or use float32")
            for sampler in samplers:
                if hasattr(sampler, "heard"):
                    sampler.heard(value)

        return hook

    def collator(self, inner: Any) -> Any:
        """The trainer's collator, with a look at each batch before it is tokenised."""
        return Looking(inner, self._look)

    def _look(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        met: dict[str, int] = {}
        for row in rows:
            for text in {text for name, text in row.items() if name.startswith(("positive", "negative"))}:
                met[text] = met.get(text, 0) + 1
        self._rows += len(rows)
        self._crowded += sum(met[row["positive"]] > 1 for row in rows if "positive" in row)
        return rows


class Looking:
    """A collator around another: `look` sees the rows of a batch, and may change them, before they are tokenised."""

    def __init__(self, inner: Any, look: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
        self._inner, self._look = inner, look

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __call__(self, rows: list[dict[str, Any]]) -> Any:
        """What the inner collator makes of the rows."""
        return self._inner(self._look(rows))

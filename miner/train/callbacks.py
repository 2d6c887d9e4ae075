"""What watches a training: progress, dev scores, warnings that help the learner."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from sentence_transformers.base.evaluation import BaseEvaluator
from transformers import TrainerCallback

from miner.errors import ModelError
from miner.train.checkpoints import Checkpoint, Checkpoints

EXPLODED, SETTLED = 3.0, 5
"""A loss so many times its first average, after so many looks, is worth a word."""
CROWDED = 0.05
"""Share of rows that met their own positive as another row's passage."""
SMALL, MANY = 0.25, 0.1
"""A word is due when more than this many batches have less than this share of the rows that they should have."""


class DevScore(BaseEvaluator):  # type: ignore[misc]  # the base is untyped
    """The trainer's evaluator: our exact ranking, one number named `dev`."""

    def __init__(self, score: Callable[[Any], float | None]) -> None:
        super().__init__()
        self.primary_metric, self._score = "dev", score

    def __call__(self, model: Any, output_path: str | None = None, epoch: float = -1, steps: int = -1) -> dict[str, float]:
        """{"dev": the mean score of the model as it is}."""
        return {"dev": float(self._score(model) or 0.0)}


class Watch(TrainerCallback):  # type: ignore[misc]  # the base is untyped
    """Progress, whole checkpoints, and warnings: the loss explodes or is no number; a row's positive is another's passage in its batch.

    last: the checkpoint that the training goes on from.
    """

    def __init__(self, setting: Any, total: int, checkpoints: Checkpoints, last: Checkpoint | None, looks: Sequence[Any] = ()) -> None:
        self._setting, self._total, self._checkpoints, self._last, self._looks = setting, total, checkpoints, last, looks
        self.loss: Any = None
        self.samplers: list[Any] = []
        self._batch = self._trained = 0
        self._losses: list[float] = []
        self._sizes: list[int] = []
        self._crowded: list[int] = []

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Progress; a checkpoint has no half of a logged mean behind it, which a resumed training could not know."""
        control.should_log = control.should_log or control.should_save
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
        """Tell about crowded batches, and about small ones."""
        rows, crowded = sum(self._sizes[: self._trained]), sum(self._crowded[: self._trained])
        if rows and crowded > CROWDED * rows:
            self._setting.warn(
                f"{crowded / rows:.0%} of the rows met their own positive as another row's passage in their batch: "
                "use batch sampler no_duplicates"
            )
        if self._losses and not any(self._losses):
            self._setting.warn("the loss was 0 at every step: nothing stood against the positives, and nothing was learnt")
        if self._trained > self._setting.batches and any(getattr(look, "replaced", 1) == 0 for look in self._looks):
            self._setting.warn("change 'replace' replaced no negative: none became easy by its drop and score")
        if told := self._small(args.per_device_train_batch_size):
            self._setting.warn(f"{told}: texts that come often leave them over at the end of a pass; drop_last goes without them")

    def _small(self, size: int) -> str:
        """How many of the trained batches were nearly empty, where they are many; a batch or two more have been looked at."""
        sizes = self._sizes[: self._trained]
        small = sum(count < SMALL * size for count in sizes)
        many = len(self._setting.rows) >= size and small > MANY * len(sizes)
        return f"{small} of {len(sizes)} batches had less than {SMALL:.0%} of {size} rows" if many else ""

    def recall(self) -> None:
        """What was counted, and warned of, up to the checkpoint that the training goes on from."""
        if self._last is not None:
            told = self._last.parts
            self._losses, self._sizes, self._crowded = told["losses"], told["sizes"], told["crowded"]
            self._batch = self._trained = len(self._sizes)
            for message in told["warnings"]:
                self._setting.warn(message)
            _load(self._looks, told["changes"])

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Where a training goes on, so does what counts batches or remembers them."""
        if self._last is None:
            return
        self.recall()
        _load(self.samplers, self._last.parts["samplers"])
        if hasattr(self.loss, "step"):
            self.loss.step = self._trained
        for sampler in self.samplers:
            passed = state.global_step % max(1, -(-len(sampler) // args.gradient_accumulation_steps))
            sampler.skip = passed * args.gradient_accumulation_steps
        if self._last.best is not None:
            state.best_model_checkpoint = str(self._checkpoints.at(self._last.best))

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Put the checkpoint in its place, with what parts and warnings remember."""
        best = state.best_global_step if state.best_model_checkpoint else None
        told = {
            "losses": self._losses,
            "sizes": self._sizes[: self._trained],
            "crowded": self._crowded[: self._trained],
            "warnings": self._setting.warnings,
            "changes": [part.state() for part in _remembering(self._looks)],
            "samplers": [part.state() for part in _remembering(self.samplers)],
        }
        self._checkpoints.put(state.global_step, best=best, ended=control.should_training_stop, parts=told)
        if best is not None:
            state.best_model_checkpoint = str(self._checkpoints.at(best))

    def after_loss(self, module: Any, inputs: Any, output: Any) -> None:
        """A forward hook for the loss: stop where it is no number, and let samplers that learn from losses hear it."""
        value = float(output.detach())
        self._trained += 1
        if not math.isfinite(value):
            raise ModelError("the loss is no longer a number: lower the learning rate, or use float32")
        for sampler in self.samplers:
            sampler.heard(value)

    def collator(self, inner: Any) -> Any:
        """The trainer's collator, with a look at each batch before it is tokenised."""
        return Looking(inner, self._look)

    def _look(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for look in self._looks:
            rows = look(rows, self._batch)
        self._batch += 1
        met: dict[str, int] = {}
        for row in rows:
            for text in {text for name, text in row.items() if name.startswith(("positive", "negative"))}:
                met[text] = met.get(text, 0) + 1
        self._sizes.append(len(rows))
        self._crowded.append(sum(met[row["positive"]] > 1 for row in rows if "positive" in row))
        return rows


def _remembering(parts: Sequence[Any]) -> list[Any]:
    return [part for part in parts if hasattr(part, "state") and hasattr(part, "load")]


def _load(parts: Sequence[Any], states: Sequence[Any]) -> None:
    for part, state in zip(_remembering(parts), states, strict=True):
        part.load(state)


class Looking:
    """A collator around another: `look` sees the rows of a batch, and may change them, before they are tokenised."""

    def __init__(self, inner: Any, look: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
        self._inner, self._look = inner, look

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __call__(self, rows: list[dict[str, Any]]) -> Any:
        """What the inner collator makes of the rows."""
        return self._inner(self._look(rows))

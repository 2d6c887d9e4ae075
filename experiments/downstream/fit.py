"""One training of a static student: batches without a text twice, sentence-transformers' loss and optimiser, looks at dev, best kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from scipy import sparse
from student import Bags, Student

from miner.support.noise import generator
from miner.types import Floats

CLIP, WARM = 1.0, 0.1
"""The trainer's largest gradient norm, and the share of the steps in which the rate rises."""

Batch = list[int]


@dataclass(frozen=True)
class Plan:
    """How long, how fast, how often dev is looked at; the same for every arm."""

    rate: float
    steps: int = 300
    batch: int = 64
    every: int = 50
    seed: int = 0
    decay: float = 0.01


def columns_of(bags: Bags, rows: np.ndarray, batches: Iterator[Batch]) -> Iterator[list[Any]]:
    """The bags of each batch's columns. rows (R, 2 + n) of text numbers: query, positive, negatives."""
    for batch in batches:
        yield [bags.matrix[rows[batch, column]] for column in range(rows.shape[1])]


def no_duplicates(rows: np.ndarray, size: int, seed: int, turn: int = 0) -> Iterator[Batch]:
    """Full batches without end, no text twice in one. rows (R, C): text numbers. turn: number of the first pass.

    A row that shares a text with the batch waits for the next one; what cannot fill a batch is left out of this pass (the trainer's
    `drop_last`): where one question is asked a hundred times, a pass would end in a hundred batches of one row.
    """
    sets = [frozenset(row) for row in rows.tolist()]
    while True:
        left = generator(seed, "batches", turn).permutation(len(rows)).tolist()
        batch, left = _first(left, sets, size)
        if len(batch) < size:
            raise ValueError(f"no batch of {size} rows without a text twice in {len(rows)} rows")
        while len(batch) == size:
            yield batch
            batch, left = _first(left, sets, size)
        turn += 1


def _first(left: Batch, sets: list[frozenset[int]], size: int) -> tuple[Batch, Batch]:
    """The next batch, and what is left of the pass."""
    batch: Batch = []
    waiting: Batch = []
    met: set[int] = set()
    for place, row in enumerate(left):
        if len(batch) == size:
            return batch, waiting + left[place:]
        if met.isdisjoint(sets[row]):
            batch.append(row)
            met |= sets[row]
        else:
            waiting.append(row)
    return batch, waiting


@dataclass
class Fit:
    """A training under way.

    score: dev's value of a table. listening: samplers that hear every loss. history: (step, dev value); best: the trained table with
    the highest one.
    """

    student: Student
    loss: Any
    plan: Plan
    score: Callable[[Floats], float]
    history: list[tuple[int, float]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    listening: list[Any] = field(default_factory=list)
    best: Floats | None = None

    def __post_init__(self) -> None:
        self.optimiser = torch.optim.AdamW(self.student.parameters(), lr=self.plan.rate, weight_decay=self.plan.decay, fused=True)
        self.look()

    @property
    def step(self) -> int:
        """Steps that are done."""
        return len(self.losses)

    def run(self, columns: Iterator[list[Any]], until: int) -> None:
        """Go on until `until` steps are done. columns: of each batch the bags of every column: queries, positives, negatives."""
        while self.step < until:
            self._step(next(columns))

    def _step(self, columns: list[Any]) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = self.plan.rate * share(self.step, self.plan.steps)
        vectors = self.student(sparse.vstack(columns, format="csr"))
        loss = self.loss.compute_loss_from_embeddings(list(vectors.split([each.shape[0] for each in columns])), None)
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.student.parameters(), CLIP)
        self.optimiser.step()
        self.losses.append(float(loss.detach()))
        for sampler in self.listening:
            sampler.record_loss(self.losses[-1])
        if self.step % self.plan.every == 0 or self.step == self.plan.steps:
            self.look()

    def look(self) -> None:
        """Measure on dev; keep the table if it is the best so far."""
        table = self.student.numpy()
        value = self.score(table)
        if value > max((told for step, told in self.history if step), default=-1.0):  # the table before training is no candidate
            self.best = table
        self.history.append((self.step, value))


def share(step: int, steps: int) -> float:
    """The share of the peak rate at a step (from 0): up in the first tenth, then down to nothing (the trainer's `linear`)."""
    rise = round(WARM * steps)
    return step / max(1, rise) if step < rise else max(0.0, (steps - step) / max(1, steps - rise))

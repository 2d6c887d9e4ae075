"""One cell: a set, an arm, a rate and a seed, trained, measured on dev and test."""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from arms import ALONE, WITHOUT_FILE, Chosen, choose, rows_of
from fit import Fit, Plan, columns_of, no_duplicates
from sets import Set
from student import Cut, Student, put

from miner import MiningConfig, mine
from miner.config import Runtime
from miner.formats import FORMATS
from miner.train import LoopConfig, TrainConfig
from miner.train.negatives import AnchorKey, AnchorResult, Assembly
from miner.train.notebook import Notebook
from miner.train.training_rows import columns
from miner.types import Dataset

Anchors = dict[AnchorKey, AnchorResult]
TURN = 1000
"""Passes of a later round are numbered from a multiple of this, so that they are drawn anew."""


@dataclass(frozen=True)
class Cell:
    """What is trained. negatives: of a row; rounds: of A9."""

    arm: str
    plan: Plan
    negatives: int = 4
    rounds: int = 3
    loss: str = "in_batch"


def run(one: Set, cell: Cell) -> tuple[dict[str, Any], np.ndarray]:
    """What is to be told of a cell, and its test values (queries,)."""
    began = time.monotonic()
    if cell.arm == "A0":
        best, told = one.table, {"dev": float(one.dev(one.table).mean()), "history": []}
    else:
        fit, counts = (_rounds if cell.arm == "A9" else _once)(one, cell)
        told = {"dev": max(value for step, value in fit.history if step), "history": fit.history, "rows": counts, "loss": few(fit.losses)}
        best = fit.best
    values = one.test(best)
    return {**told, "seconds": round(time.monotonic() - began, 1)}, values


def begun(one: Set, cell: Cell) -> Fit:
    """A training before its first step."""
    student = Student(one.table)
    loss = TrainConfig.of(loss=cell.loss).active_loss(student, cell.plan.seed)
    return Fit(student, loss, cell.plan, lambda table: float(one.dev(table).mean()))


def filled(one: Set, cell: Cell, chosen: Chosen | None) -> tuple[np.ndarray, dict[str, int]]:
    """Rows (R, 2 + n) of text numbers: query, positive, negatives, filled up as the product's trainer does; and what was counted."""
    use = 0 if chosen is None else cell.negatives
    rows = columns(rows_of(one.train, chosen, alone=cell.arm in ALONE), use, seed=0)
    numbers = [one.bags.numbers(rows.columns[name]) for name in ("anchor", "positive", *rows.negatives)]
    return np.stack(numbers, axis=1), dict(rows.counts)


def rows_for(one: Set, cell: Cell) -> tuple[np.ndarray, dict[str, int]]:
    """The same for an arm whose negatives are chosen once; kept in memory."""
    key = (cell.arm, cell.negatives)
    if key not in one.kept:
        one.kept[key] = filled(one, cell, None if cell.arm in WITHOUT_FILE else choose(cell.arm, one, cell.negatives))
    made: tuple[np.ndarray, dict[str, int]] = one.kept[key]
    return made


def _once(one: Set, cell: Cell) -> tuple[Fit, dict[str, int]]:
    rows, counts = rows_for(one, cell)
    size = cell.plan.batch * (1 + cell.negatives) if cell.arm == "A1b" else cell.plan.batch
    fit = begun(one, cell)
    fit.run(columns_of(one.bags, rows, no_duplicates(rows, size, cell.plan.seed)), cell.plan.steps)
    return fit, counts


def _rounds(one: Set, cell: Cell) -> tuple[Fit, dict[str, int]]:
    """One training, the negatives mined anew with the model as it is after each share of the steps, old ones judged again (our loop)."""
    fit, counts, last = begun(one, cell), dict[str, int](), Anchors()
    for turn in range(cell.rounds):
        chosen, last = _mined_anew(one, cell, fit, turn, last)
        rows, counts = filled(one, cell, chosen)
        batches = no_duplicates(rows, cell.plan.batch, cell.plan.seed, TURN * turn)
        fit.run(columns_of(one.bags, rows, batches), cell.plan.steps * (turn + 1) // cell.rounds)
    return fit, counts


def _mined_anew(one: Set, cell: Cell, fit: Fit, turn: int, last: Anchors) -> tuple[Chosen, Anchors]:
    """The negatives of a round. The first round's model is the same for all seeds and rates, so its negatives are kept in memory."""
    key = ("first round", cell.negatives)
    if turn == 0 and key in one.kept:
        made: tuple[Chosen, Anchors] = one.kept[key]
        return made
    config = MiningConfig.of(negatives=cell.negatives)
    put(one.model, one.bags, fit.student.numpy())
    with tempfile.TemporaryDirectory(prefix="downstream-") as scratch:
        out, runtime = Path(scratch) / "mined", Runtime.of(cache=Path(scratch) / "vectors")
        mine(one.train, config, out=out, model=Cut(one.model, one.student, one.bags), runtime=runtime)
        put(one.model, one.bags, one.table)
        dataset, rules = Dataset.open(out / "dataset"), LoopConfig.of(rounds=cell.rounds)
        round_ = Assembly(dataset, config, rules, turn + 1, Notebook(), last).assemble(out / "candidates.parquet")
        chosen = defaultdict(list)
        for block in round_.blocks:
            for row in FORMATS["triplet"].write(dataset, block, {"ids"}):
                chosen[row["anchor_id"]].append(row["negative"])
    told = {name: list(dict.fromkeys(texts)) for name, texts in chosen.items()}, round_.anchors
    if turn == 0:
        one.kept[key] = told
    return told


def few(losses: list[float]) -> list[float]:
    """The mean of each tenth."""
    return [round(float(part.mean()), 4) for part in np.array_split(np.array(losses), 10) if len(part)]

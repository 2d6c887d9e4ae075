"""What each founding technique adds to our negatives: same student, rows, steps, batches, seeds and rates, one thing changed.

    python experiments/downstream/ablations.py --data tldr-en=FOLDER --data medquad=FOLDER --student FOLDER --work WORK [--hours 2]

Goes on where it was stopped, like run.py; the tables are WORK/ablations.md, .json and .svg.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from arms import choose, rows_of
from cells import Cell, begun, few
from fit import Batch, Plan, columns_of, no_duplicates
from run import keep
from sets import Set
from tables import write

from miner.train import TrainConfig
from miner.train.parts import TrainingContext
from miner.train.training_rows import TrainingColumns, columns
from miner.types import Floats

CONAN, CONTROL = "Conan replacement", "shuffled batches"
MASKED = "hcl:beta=0,tau=0"
"""The plain loss with copies of a row's positive masked: samplers that do not look for texts that come twice need it."""
TECHNIQUES: Mapping[str, Mapping[str, Any]] = {
    "ours": {},
    "hard examples, offline": {"batch_sampler": "hard_examples", "loss": MASKED},
    "OHEM": {"loss": "ohem"},
    "high-loss batches": {"batch_sampler": "high_loss", "loss": MASKED},
    "MoCHi": {"loss": "mochi"},
    "synthetic (SSCL)": {"loss": "sscl"},
    "HCL": {"loss": "hcl"},
    "UnReMix": {"loss": "unremix"},
    "UNA": {"changes": ("una",)},
    "words deleted": {"changes": ("delete",)},
    "words reordered": {"changes": ("reorder",)},
    "TAS batches": {"batch_sampler": "topics", "loss": MASKED},
    CONAN: {"changes": ("replace:every=1",)},  # each row comes two or three times: every look counts
    CONTROL: {"batch_sampler": "shuffle", "loss": MASKED},
}
"""Ours with one thing changed; `ours` is what they are compared with, CONTROL what other samplers are compared with as well."""
SAMPLERS = ("hard examples, offline", "high-loss batches", "TAS batches")
"""Compared with the control as well."""
SPARE = 2
"""Conan's replacement takes from this many times as many negatives."""


def technique(one: Set, name: str, cell: Cell) -> tuple[dict[str, Any], np.ndarray]:
    """What is to be told of a cell, and its test values (queries,)."""
    began = time.monotonic()
    config = TrainConfig.of(**TECHNIQUES[name], use_negatives=cell.negatives)
    fit = begun(one, replace(cell, loss=config.loss))
    count = cell.negatives * (SPARE if name == CONAN else 1)
    rows = columns(rows_of(one.train, choose("A8", one, count)), cell.negatives, seed=0)
    now = partial(vectors, one, fit.student.numpy)
    given = TrainingContext(rows, partial(vectors, one, lambda: one.table), now, cell.plan.seed, fit.listening)
    fit.run(bags_of(one, rows, config, given, cell.plan), cell.plan.steps)
    told = {"dev": max(value for step, value in fit.history if step), "history": fit.history, "loss": few(fit.losses)}
    return {**told, "seconds": round(time.monotonic() - began, 1)}, one.test(fit.best)


def vectors(one: Set, table: Callable[[], Floats], texts: list[str], side: str) -> Floats:
    """Shape (texts, D): with the table as it is when this is called."""
    return np.asarray(bags_of_texts(one, texts) @ table())


def bags_of_texts(one: Set, texts: list[str]) -> Any:
    """Bags of texts, known or made for one batch."""
    known = all(text in one.bags.number for text in texts)
    return one.bags.matrix[one.bags.numbers(texts)] if known else one.bags.of(texts)


def bags_of(one: Set, rows: TrainingColumns, config: TrainConfig, given: TrainingContext, plan: Plan) -> Iterator[list[Any]]:
    """The bags of each batch's columns, the config's sampler and changes at work."""
    names = ("anchor", "positive", *rows.negatives)
    numbers = np.stack([one.bags.numbers(rows.columns[name]) for name in names], axis=1)
    made = config.active_batches(given)
    if made == "no_duplicates":
        batches = no_duplicates(numbers, plan.batch, plan.seed)
    elif made == "batch_sampler":
        batches = no_duplicates(np.arange(len(rows))[:, None], plan.batch, plan.seed)  # no text to look at: shuffled rows
    else:
        batches = passes(made(range(len(rows)), batch_size=plan.batch, drop_last=True, seed=plan.seed))
    if not config.changes:
        return columns_of(one.bags, numbers, batches)
    return changed(one, rows, names, [each(given) for each in config.active_changes], batches)


def passes(sampler: Any) -> Iterator[Batch]:
    """The batches of a sampler of the product, pass after pass."""
    turn = 0
    while True:
        sampler.set_epoch(turn)
        yield from sampler
        turn += 1


def changed(one: Set, rows: TrainingColumns, names: Sequence[str], looks: Sequence[Any], batches: Iterator[Batch]) -> Iterator[list[Any]]:
    """The bags of each batch's columns after every change has seen its texts."""
    for step, batch in enumerate(batches):
        told = [{name: rows.columns[name][row] for name in names} for row in batch]
        for look in looks:
            told = look(told, step)
        yield [bags_of_texts(one, [row[name] for row in told]) for name in told[0]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", action="append", required=True, help="NAME=BEIR FOLDER")
    parser.add_argument("--student", required=True)
    parser.add_argument("--work", type=Path, default=Path("downstream-work"))
    parser.add_argument("--rates", default="0.1")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--hours", type=float, default=2.0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    deadline, cells = time.monotonic() + given.hours * 3600, given.work / "ablations"
    sets = {name: Set(name, Path(path), given.work, given.student) for name, _, path in (each.partition("=") for each in given.data)}
    rates = [float(rate) for rate in given.rates.split(",")]
    for seed, name, one, rate in product(range(given.seeds), TECHNIQUES, sets.values(), rates):
        there = cells / one.name / name.replace(" ", "-") / f"{rate:g}-{seed}"
        if (there / "cell.json").is_file() or time.monotonic() > deadline:
            continue
        told, values = technique(one, name, Cell("A8", Plan(rate, seed=seed)))
        keep(there, {"set": one.name, "arm": name, "rate": rate, "seed": seed}, told, values)
        print(one.name, name, seed, f"{told['dev']:.4f}", told["seconds"], flush=True)
    pairs = [(name, "ours") for name in TECHNIQUES if name != "ours"] + [(name, CONTROL) for name in SAMPLERS]
    write(cells, given.work / "ablations", {"rates": rates, "steps": Plan(0).steps}, tuple(pairs))


if __name__ == "__main__":
    main()

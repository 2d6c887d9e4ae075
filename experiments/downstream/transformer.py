"""The same experiment with a transformer student: fewer arms, sets and steps, dev and test looked at once, after the last step.

    python experiments/downstream/transformer.py --data tldr-en=FOLDER --data medquad=FOLDER --student FOLDER --work WORK [--hours 1]

With seed 0 every arm is trained at every rate, and dev chooses; the other seeds are trained at that rate alone. Negatives are chosen with
the student before training. Texts are cut to --length tokens everywhere. Cells that are there are not made again; the tables are OUT.md,
.json and .svg.
"""

from __future__ import annotations

import argparse
import copy
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from arms import ARMS, ours
from cells import Cell, few, rows_for
from fit import CLIP, Plan, no_duplicates, share
from pieces import Subject
from run import keep
from tables import Pairs, write

from miner.train import TrainConfig

PAIRS: Pairs = (
    *(("A8", "A4"), ("A8", "A6"), ("A8", "A1"), ("A8", "A2"), ("A8", "A8o")),
    *(("A8n", "A4"), ("A8k", "A4"), ("A8n", "A8"), ("A8k", "A8")),
)
ARMS |= {
    "A8n": ours(filters=("margin:off", "near_positive:cosine=0.8")),
    "A8k": ours(filters=("margin:off", "nearest")),
}


def run(one: Subject, cell: Cell, *, half: bool) -> tuple[dict[str, Any], np.ndarray]:
    """What is to be told of a cell, and its test values (queries,)."""
    began = time.monotonic()
    rows, counts = rows_for(one, cell)
    plan = replace(cell.plan, batch=cell.plan.batch * (1 + cell.negatives)) if cell.arm == "A1b" else cell.plan
    model, losses = (one.fresh, []) if cell.arm == "A0" else trained(one, rows, plan, half=half)
    training = round(time.monotonic() - began, 1)
    table = one.bags.table(model, one.judged, half=half)
    told = {"dev": float(one.dev(table).mean()), "rows": counts, "loss": few(losses), "training": training}
    values = one.test(table)
    return {**told, "seconds": round(time.monotonic() - began, 1)}, values


def trained(one: Subject, rows: np.ndarray, plan: Plan, *, half: bool) -> tuple[Any, list[float]]:
    """A copy of the student after so many steps, and the loss of each: warm-up, decay, clipping and loss as in Fit."""
    torch.manual_seed(plan.seed)
    model = copy.deepcopy(one.fresh).train()
    loss = TrainConfig.of().active_loss(model, plan.seed)
    optimiser = torch.optim.AdamW(model.parameters(), lr=plan.rate, weight_decay=plan.decay, fused=True)
    batches, losses = no_duplicates(rows, plan.batch, plan.seed), list[float]()
    for step in range(plan.steps):
        optimiser.param_groups[0]["lr"] = plan.rate * share(step, plan.steps)
        columns = rows[next(batches)].T
        queries, passages = (one.bags.embedded(model, part.ravel(), half=half) for part in (columns[0], columns[1:]))
        value = loss.compute_loss_from_embeddings([queries, *passages.split(plan.batch)], None)
        optimiser.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimiser.step()
        losses.append(float(value.detach()))
    return model, losses


def best_rate(trials: Path) -> str:
    """Of one set and arm: the rate that dev prefers with seed 0, the lower of equals."""
    told = [json.loads(path.read_text()) for path in trials.glob("*-0/cell.json")]
    return f"{max(told, key=lambda each: (each['dev'], -each['rate']))['rate']:g}"


def wanted(trials: Path, arm: str, rate: float, seed: int, rates: Sequence[float]) -> bool:
    """Whether a cell is one of the experiment."""
    if arm == "A0":
        return (rate, seed) == (rates[0], 0)
    return not seed or best_rate(trials) == f"{rate:g}"


def gather(work: Path, arms: Sequence[str]) -> Path:
    """WORK/cells: of these arms the cells of the chosen rate."""
    shutil.rmtree(work / "cells", ignore_errors=True)
    for arm in (arm for arm in (work / "trials").glob("*/*") if arm.name in arms):
        for cell in arm.glob(f"{best_rate(arm)}-*"):
            shutil.copytree(cell, work / "cells" / arm.parent.name / arm.name / cell.name)
    return work / "cells"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", action="append", required=True, help="NAME=BEIR FOLDER with train, dev and test")
    parser.add_argument("--student", required=True, help="a sentence-transformers folder")
    parser.add_argument("--work", type=Path, default=Path("transformer-work"))
    parser.add_argument("--out", type=Path, help="where the tables go, without suffix [WORK/downstream-transformer]")
    parser.add_argument("--arms", default="A0,A1,A4,A8,A8n,A6,A8k,A2", help="in the order in which they are trained")
    parser.add_argument("--rates", default="2e-4,5e-4")
    for name, value in {"seeds": 3, "steps": 150, "batch": 32, "negatives": 2, "length": 32, "queries": 8000, "threads": 1}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--float32", action="store_true", help="no bf16")
    parser.add_argument("--hours", type=float, default=1.0, help="begin no cell after so long")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    torch.set_num_threads(given.threads)
    deadline, rates, sets = time.monotonic() + given.hours * 3600, [float(rate) for rate in given.rates.split(",")], {}
    folders = dict(each.split("=", 1) for each in given.data)
    for seed, name, arm, rate in product(range(given.seeds), folders, given.arms.split(","), rates):
        trials = given.work / "trials" / name / arm
        there = trials / f"{rate:g}-{seed}"
        if time.monotonic() > deadline or (there / "cell.json").is_file() or not wanted(trials, arm, rate, seed, rates):
            continue
        if name not in sets:
            sets[name] = Subject(name, Path(folders[name]), given.work, given.student, given.length, given.queries)
        plan = Plan(rate, given.steps, given.batch, seed=seed)
        told, values = run(sets[name], Cell(arm, plan, given.negatives), half=not given.float32)
        keep(there, {"set": name, "arm": arm, "rate": rate, "seed": seed}, told, values)
        print(name, arm, there.name, f"{told['dev']:.4f}", told["training"], told["seconds"], flush=True)
    settings = {key: value for key, value in vars(given).items() if key not in ("data", "student", "work", "out", "hours", "threads")}
    write(gather(given.work, given.arms.split(",")), given.out or given.work / "downstream-transformer", settings, PAIRS)


if __name__ == "__main__":
    main()

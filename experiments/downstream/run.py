"""Whose negatives make the better retriever: same student, rows, steps, batches, seeds and rates for every arm.

Dev chooses, test tells.

    python experiments/downstream/run.py --data tldr-en=FOLDER --data medquad=FOLDER --student FOLDER --work WORK [--hours 2]
    python experiments/downstream/run.py --smoke --student FOLDER          # a minute: a slice of the demo's set, some arms, one seed

A cell is (set, arm, rate, seed): trained with looks at dev, its test values stored beside it and read only for the rate that dev
chose. Cells that are there are not made again, so the same command goes on after --hours, or after a kill. `tables.py` reads the cells.
The student is a static model (student.py); every arm's rows come from the same training queries, drawn once.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from arms import NAMES
from cells import Cell, run
from fit import Plan
from sets import Set
from tables import write

from miner.read.docstrings import ALL_QRELS, build


def smoke(work: Path) -> Path:
    """A slice of the demo's set: 120 queries to train, 40 for dev, 40 for test, all passages they need and 400 more."""
    folder, whole = work / "slice", work / "whole"
    if not (folder / "corpus.jsonl").is_file():
        build(whole)
        (folder / "qrels").mkdir(parents=True, exist_ok=True)
        judged = (whole / ALL_QRELS).read_text().splitlines()[1:]
        queries = list(dict.fromkeys(line.split("\t")[0] for line in judged))[:200]
        parts = {"train": queries[:120], "dev": queries[120:160], "test": queries[160:]}
        needed = {line.split("\t")[1] for line in judged if line.split("\t")[0] in set(queries)}
        for name, some in parts.items():
            lines = [line for line in judged if line.split("\t")[0] in set(some)]
            (folder / "qrels" / f"{name}.tsv").write_text("query-id\tcorpus-id\tscore\n" + "\n".join(lines) + "\n")
        shutil.copyfile(whole / "queries.jsonl", folder / "queries.jsonl")
        corpus = (whole / "corpus.jsonl").read_text().splitlines()
        kept = [line for place, line in enumerate(corpus) if json.loads(line)["_id"] in needed or place < 400]
        (folder / "corpus.jsonl").write_text("\n".join(kept) + "\n")
    return folder


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", action="append", default=[], help="NAME=BEIR FOLDER with train, dev and test")
    parser.add_argument("--student", required=True, help="a static model's folder")
    parser.add_argument("--work", type=Path, default=Path("downstream-work"))
    parser.add_argument("--out", type=Path, help="where the tables go, without suffix [WORK/downstream]")
    parser.add_argument("--arms", default=",".join(name for name in NAMES if name != "A10"), help="A10 needs qrels/train_full.tsv")
    parser.add_argument("--rates", default="0.03,0.1,0.3", help="the same grid for every arm")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--every", type=int, default=50, help="steps between looks at dev")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--negatives", type=int, default=4)
    parser.add_argument("--queries", type=int, default=8000, help="training queries of a set, at most")
    parser.add_argument("--hours", type=float, default=2.0, help="begin no cell after so long")
    parser.add_argument("--smoke", action="store_true")
    given = parser.parse_args()
    if given.smoke:
        given.data, given.arms, given.rates = [f"slice={smoke(given.work)}"], "A0,A1,A4,A8,A9", "0.01"
        given.seeds, given.steps, given.every, given.rounds, given.batch = 1, 8, 4, 2, 16
    return given


def cells(given: argparse.Namespace) -> list[tuple[Cell, Path]]:
    """What is to be made of one set, and the folder of each below the set's: seeds outermost, so that what is there compares all arms."""
    made = []
    rates = [float(rate) for rate in given.rates.split(",")]
    for seed in range(given.seeds):
        for arm in given.arms.split(","):
            for rate in rates:
                if arm == "A0" and (rate, seed) != (rates[0], 0):
                    continue
                plan = Plan(rate, given.steps, given.batch, given.every, seed)
                made.append((Cell(arm, plan, given.negatives, given.rounds), Path(arm) / f"{rate:g}-{seed}"))
    return made


def keep(folder: Path, about: dict[str, Any], told: dict[str, Any], values: np.ndarray) -> None:
    """test.npy, then cell.json, each whole or not there."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "test.part").open("wb") as file:
        np.save(file, values)
    (folder / "test.part").replace(folder / "test.npy")
    (folder / "cell.part").write_text(json.dumps({**about, **told}))
    (folder / "cell.part").replace(folder / "cell.json")


def main() -> None:
    given = arguments()
    torch.set_num_threads(1)
    deadline, left = time.monotonic() + given.hours * 3600, 0
    for name, _, folder in (each.partition("=") for each in given.data):
        one = None
        for cell, place in cells(given):
            there = given.work / "cells" / name / place
            if (there / "cell.json").is_file():
                continue
            if time.monotonic() > deadline:
                left += 1
                continue
            one = one or Set(name, Path(folder), given.work, given.student, queries=given.queries)
            told, values = run(one, cell)
            keep(there, {"set": name, "arm": cell.arm, "rate": cell.plan.rate, "seed": cell.plan.seed}, told, values)
            print(name, place, f"{told['dev']:.4f}", told["seconds"], flush=True)
    settings = {name: vars(given)[name] for name in ("arms", "rates", "seeds", "steps", "every", "rounds", "batch", "negatives", "queries")}
    write(given.work / "cells", given.out or given.work / "downstream", settings)
    print(f"{left} cells are left; the same command goes on" if left else "all cells are done")


if __name__ == "__main__":
    main()

"""Whose negatives make the better retriever: same student, rows, steps, batches, seeds and rates for every arm.

Dev chooses, test tells.

    python benchmarks/downstream/run.py --data tldr-en=FOLDER --data medquad=FOLDER --student FOLDER --work WORK [--hours 2]
    python benchmarks/downstream/run.py --smoke --student FOLDER          # a minute: a slice of the demo's set, two arms, one seed

A cell is (set, arm, rate, seed): trained with dev checkpoints, its test values stored beside it and read only for the rate that dev
chose. Cells that are there are not made again, so the same command goes on after --hours, or after a kill. `tables.py` reads the cells.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
from arms import ALONE, NAMES, WITHOUT_FILE, choose, rows_of
from tables import write

from miner.config import Inputs, MiningConfig, Runtime
from miner.demo import build
from miner.encode import load_encoder
from miner.evaluation import EvaluateConfig
from miner.evaluation.compare import score_queries
from miner.read import read
from miner.train import LoopConfig, TrainConfig, loop, train
from miner.train.hold_out import hide
from miner.types import Dataset

MEASURE = "ndcg@10"


class Set:
    """One data set: what is trained on (with --hide one positive of each query), dev and test."""

    def __init__(self, name: str, folder: Path, work: Path, hidden: bool) -> None:
        self.name, self.folder, self.work = name, folder, work / "sets" / name
        there = (self.work / "dataset.json").is_file()
        if not there:
            read(Inputs.of(data=str(folder), split=("train",)), self.work)
            if hidden:
                hide(Dataset.open(self.work), self.work, seed=0)
        self.train = Dataset.open(self.work)
        self.dev, self.test = (read(Inputs.of(data=str(folder), split=(split,)), None) for split in ("dev", "test"))


def cell(one: Set, arm: str, rate: float, seed: int, given: argparse.Namespace, folder: Path) -> None:
    """Train and measure one cell; its cell.json comes last."""
    cache = given.work / "cells" / one.name / "negatives"
    with tempfile.TemporaryDirectory(prefix="downstream-") as scratch:
        out = Path(scratch)
        runtime = Runtime.of(cache=out / "vectors")
        wide = given.batch * (1 + given.negatives) if arm == "A1b" else given.batch
        knobs = {"model": given.student, "train_batch_size": wide, "learning_rates": (rate,), "seed": seed, "patience": 0}
        settings = TrainConfig.of(**knobs, steps=given.steps, eval_every=max(1, given.steps // given.looks))
        began = time.monotonic()
        if arm == "A0":
            model, told = Path(given.student), {"dev_score": None}
        elif arm == "A9":
            rules = LoopConfig.of(
                rounds=given.rounds, start="last", epsilon=0, wait=given.rounds, same=1.0, hold_out=given.hide
            )  # seed 0, as in Set
            steps = max(1, given.steps // given.rounds)
            part = settings.model_copy(update={"steps": steps, "eval_every": steps})
            data = Inputs.of(data=str(one.folder), split=("train",))
            done = loop(data, part, MiningConfig.of(negatives=given.negatives), rules, out=out / "loop", dev=one.dev, runtime=runtime)
            model, told = done.model, {"dev_score": max(each["dev"] for each in done.told["rounds"]), "rounds": done.told["rounds"]}
        else:
            chosen = None if arm in WITHOUT_FILE else choose(arm, one.train, given.student, given.negatives, cache)
            rows = rows_of(one.train, chosen, alone=arm in ALONE)
            settings = settings.model_copy(update={"use_negatives": 0 if arm in WITHOUT_FILE else given.negatives})
            made = train(rows, settings, out=out / "model", dev=one.dev, runtime=runtime)
            model, told = made.folder, {name: made.told[name] for name in ("dev_score", "history", "rows", "steps", "warnings")}
        dev, test = (measured(data, model, runtime) for data in (one.dev, one.test))
        np.save(folder / "test.npy", test)
        about = {"set": one.name, "arm": arm, "rate": rate, "seed": seed, "seconds": round(time.monotonic() - began, 1)}
        (folder / "cell.json").write_text(json.dumps({**about, "dev": float(dev.mean()), **told}, indent=1))


def measured(data: Dataset, model: Path, runtime: Runtime) -> np.ndarray:
    """Shape (queries,): the measure of every query."""
    encoder = load_encoder(MiningConfig.of(model=str(model)), runtime)
    return score_queries(data, encoder, EvaluateConfig.of(measures=(MEASURE,)), MiningConfig.of(), runtime)[:, 0]


def smoke(work: Path) -> Path:
    """A slice of the demo's set: 120 queries to train, 40 for dev, 40 for test, all passages they need and 400 more."""
    folder, whole = work / "slice", work / "whole"
    if not (folder / "corpus.jsonl").is_file():
        build(whole)
        (folder / "qrels").mkdir(parents=True)
        judged = (whole / "qrels" / "all.tsv").read_text().splitlines()[1:]
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
    parser.add_argument("--student", required=True)
    parser.add_argument("--work", type=Path, default=Path("downstream-work"))
    parser.add_argument("--out", type=Path, help="where the tables go, without suffix [WORK/downstream]")
    parser.add_argument("--arms", default=",".join(name for name in NAMES if name != "A10"))
    parser.add_argument("--rates", default="0.003,0.01,0.03", help="the same grid for every arm")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--looks", type=int, default=10, help="looks at dev in a training")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--negatives", type=int, default=4)
    parser.add_argument("--hours", type=float, default=2.0, help="begin no cell after so long")
    parser.add_argument("--hide", action="store_true", help="show one positive of each query; then A10 knows the others")
    parser.add_argument("--smoke", action="store_true")
    given = parser.parse_args()
    if given.smoke:
        given.data, given.arms, given.rates = [f"slice={smoke(given.work)}"], "A0,A1,A4,A8,A9", "0.01"
        given.seeds, given.steps, given.looks, given.rounds, given.batch = 1, 8, 1, 2, 16
    return given


def main() -> None:
    given = arguments()
    deadline = time.monotonic() + given.hours * 3600
    sets = [Set(name, Path(path), given.work, given.hide) for name, _, path in (each.partition("=") for each in given.data)]
    rates = [float(rate) for rate in given.rates.split(",")]
    plan = [(one, arm, rate, seed) for seed in range(given.seeds) for one in sets for arm in given.arms.split(",") for rate in rates]
    plan = [each for each in plan if each[1] != "A0" or (each[2] == rates[0] and each[3] == 0)]
    left = 0
    for one, arm, rate, seed in plan:
        folder = given.work / "cells" / one.name / arm / f"{rate:g}-{seed}"
        if (folder / "cell.json").is_file():
            continue
        if time.monotonic() > deadline:
            left += 1
            continue
        folder.mkdir(parents=True, exist_ok=True)
        cell(one, arm, rate, seed, given, folder)
        print(one.name, arm, f"{rate:g}", seed, (folder / "cell.json").read_text().split('"dev": ')[1].split(",")[0], flush=True)
    write(given.work / "cells", given.out or given.work / "downstream", vars(given))
    print(f"{left} cells are left; the same command goes on" if left else "all cells are done")


if __name__ == "__main__":
    main()

"""Do variations of mined negatives train a better student than the negatives alone, or than as many mined ones?

    python -m experiments.variations.run --data tldr-en=FOLDER --data medquad=FOLDER --model FOLDER --work WORK

Each set is mined once for each seed; every arm is an export of that run and one training of the same steps, batches and rate, whose
last step is measured on test (queries drawn by a hash of their ids). Differences are against `three`, over the same test queries and
seeds: the interval is a bootstrap of queries and seeds. Cells that are there are not run again; the table is printed at the end.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from experiments.loop.run import slice_of
from miner.config import Inputs, MiningConfig, Runtime
from miner.evaluation import EvaluateConfig
from miner.evaluation.compare import score_queries
from miner.evaluation.significance import bootstrap_difference
from miner.read import read
from miner.runs.run import export, mine
from miner.train import TrainConfig, train

ARMS = {
    "three": {"negatives": 3},
    "four": {"negatives": 4},
    "three + delete": {"negatives": 3, "variations": ["delete"]},
    "three + una": {"negatives": 3, "variations": ["una"]},
}
"""`four` has as many negatives as the arms with a variation. A static student sees no order of sentences: `reorder` is no arm."""


def run_set(name: str, folder: Path, args: argparse.Namespace, seed: int) -> None:
    """Every arm of one set and seed."""
    place = args.work / name / str(seed)
    place.mkdir(parents=True, exist_ok=True)
    data = str(slice_of(folder, place.parent))
    runtime, settings = Runtime.of(cache=str(args.work / name / "cache")), MiningConfig.of(model=args.model, negatives=4, seed=seed)
    test = read(Inputs.of(data=data, split=("test",)), None, 1, complete=True)
    run = mine(Inputs.of(data=data, split=("train",)), settings, out=place / "mined", force=True, runtime=runtime)
    for arm, changes in ARMS.items():
        cell = place / f"{arm.replace(' ', '')}.json"
        if cell.is_file():
            continue
        chosen = export(run, {**settings.model_dump(), **changes}, out=place / "chosen", force=True, runtime=runtime)
        training = TrainConfig.of(
            model=args.model, train_batch_size=args.batch, steps=args.steps, seed=seed, learning_rates=(args.rate,), eval_every=args.steps
        )
        trained = train(chosen.file, training, out=place / "model", force=True, resume=False, runtime=runtime)
        measured = MiningConfig.of(model=str(place / "model"))
        values = score_queries(test, str(place / "model"), EvaluateConfig.of(measures=("ndcg@10",)), measured, runtime)[:, 0]
        told = {"test": values.tolist(), "variations": chosen.report.get("variations"), "rows": trained.report["rows"]}
        cell.write_text(json.dumps(told))
        print(name, seed, arm, f"{values.mean():.4f}", flush=True)


def table(work: Path) -> None:
    """Mean of test over seeds, and the difference from `three`."""
    print("| set | arm | nDCG@10 | difference (95 %) | variations of a pair |\n| --- | --- | --- | --- | --- |")
    for data in sorted(path for path in work.iterdir() if path.is_dir()):
        cells = {arm: [json.loads(path.read_text()) for path in sorted(data.glob(f"*/{arm.replace(' ', '')}.json"))] for arm in ARMS}
        base = np.array([cell["test"] for cell in cells["three"]])[:, :, None]
        for arm, made in cells.items():
            values = np.array([cell["test"] for cell in made])[:, :, None]
            low, high = bootstrap_difference(values, base)[:, 0]
            kept = [sum(kind["kept"] for kind in (cell["variations"] or {}).values()) / cell["rows"]["rows"] for cell in made]
            difference = f"{values.mean() - base.mean():+.4f} ({low:+.4f} to {high:+.4f})" if arm != "three" else "–"
            print(f"| {data.name} | {arm} | {values.mean():.4f} | {difference} | {np.mean(kept):.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", action="append", default=[], help="NAME=BEIR FOLDER")
    parser.add_argument("--model", required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--rate", type=float, default=0.1)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    for seed in range(args.seeds):
        for name, _, folder in (each.partition("=") for each in args.data):
            run_set(name, Path(folder), args, seed)
    table(args.work)


if __name__ == "__main__":
    main()

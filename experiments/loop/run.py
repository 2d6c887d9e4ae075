"""What should a loop train on: the notebook of errors, the last round's negatives, a share of both, or what was mined once?

    python experiments/loop/run.py --data tldr-en=FOLDER --model FOLDER --work WORK [--hours 2] [--regime equal|converged]
    python experiments/loop/run.py --table --work WORK

A cell is (regime, set, seed, arm). Three rounds; round 1 is the same for all arms of a set and seed, and is run once.

    equal       one training of 3 × `--steps` steps, its negatives refreshed after each third (start=continue); `once` keeps round 1's
    converged   every round starts from the base model, trains up to `--steps` steps and keeps its best look at dev

Dev chooses nothing in `equal`. Dev and test are parts of the set's queries, drawn by a hash of their ids. Cells that are there are not
run again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from miner.config import Inputs, MiningConfig, Runtime
from miner.evaluation import EvaluateConfig
from miner.evaluation.compare import score_queries
from miner.evaluation.significance import bootstrap_difference
from miner.read import read
from miner.train import LoopConfig, TrainConfig, loop, round_stages, rounds, train
from miner.train.continuation import Continuation
from miner.train.round_stages import anchors_of
from miner.train.rounds import _identity

ARMS = {
    "once": None,
    "last": {"keep": "last"},
    "share": {"keep": "share"},
    "notebook-3": {"keep": "notebook", "notebook_ratio": 3},
    "notebook-9": {"keep": "notebook", "notebook_ratio": 9},
}
ROUNDS = 3
TRAIN_QUERIES, DEV_QUERIES, TEST_QUERIES = 4000, 500, 1500


def drawn(name: str) -> str:
    return hashlib.sha256(f"loop {name}".encode()).hexdigest()


def slice_of(folder: Path, work: Path) -> Path:
    """The set with train, dev and test cut down; a set without dev gives a third of its test queries to dev."""
    out = work / "slice"
    if out.is_dir():
        return out
    rows = {split: lines(folder / "qrels" / f"{split}.tsv") for split in ("train", "dev", "test")}
    if not rows["dev"]:
        names = sorted({line.split("\t")[0] for line in rows["test"]}, key=drawn)
        dev = set(names[: len(names) // 3])
        rows["dev"] = [line for line in rows["test"] if line.split("\t")[0] in dev]
        rows["test"] = [line for line in rows["test"] if line.split("\t")[0] not in dev]
    part = work / "slice.part"
    shutil.rmtree(part, ignore_errors=True)
    (part / "qrels").mkdir(parents=True)
    for split, limit in {"train": TRAIN_QUERIES, "dev": DEV_QUERIES, "test": TEST_QUERIES}.items():
        chosen = set(sorted({line.split("\t")[0] for line in rows[split]}, key=drawn)[:limit])
        text = "\n".join(line for line in rows[split] if line.split("\t")[0] in chosen)
        (part / "qrels" / f"{split}.tsv").write_text(f"query-id\tcorpus-id\tscore\n{text}\n")
    for name in ("corpus.jsonl", "queries.jsonl"):
        shutil.copyfile(folder / name, part / name)
    part.rename(out)
    return out


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()[1:] if path.is_file() else []


class StopLoopError(Exception):
    """Round 1 is done."""


def stop_after(path: Path, run: Callable[[], None]) -> None:
    """Run a loop until a file is there: what follows is another arm's."""
    stages = round_stages.run_round

    def once(*args: object) -> object:
        if path.is_file():
            raise StopLoopError
        return stages(*args)

    rounds.run_round = once
    try:
        run()
    except StopLoopError:
        pass
    finally:
        rounds.run_round = stages


class Cells:
    """The cells of one set and seed in one regime."""

    def __init__(self, args: argparse.Namespace, name: str, folder: Path, seed: int) -> None:
        self.place = args.work / args.regime / name / str(seed)
        self.place.mkdir(parents=True, exist_ok=True)
        data = slice_of(folder, self.place.parent)
        self.data, self.dev_inputs = Inputs.of(data=str(data), split=("train",)), Inputs.of(data=str(data), split=("dev",))
        common = {"model": args.model, "train_batch_size": args.batch, "steps": args.steps, "seed": seed, "learning_rates": (args.rate,)}
        more = {"eval_every": args.steps} if args.regime == "equal" else {"patience": 3}
        self.training = TrainConfig.of(**common, **more, watch_rows=0)
        self.runtime = Runtime.of(cache=str(self.place / "cache"))
        self.mining = MiningConfig.of(negatives=3, seed=seed)
        self.converged = args.regime == "converged"
        self.test = read(Inputs.of(data=str(data), split=("test",)), None, 1, complete=True)
        self.dev = read(self.dev_inputs, None, 1, complete=True)
        full = folder / "qrels" / "train_full.tsv"
        self.truth: dict[str, set[str]] = {}
        for line in lines(full):
            query, passage, _ = line.split("\t")
            self.truth.setdefault(query, set()).add(passage)

    def rules(self, **more: object) -> LoopConfig:
        start = "base" if self.converged else "continue"
        return LoopConfig.of(**{"rounds": ROUNDS, "start": start, "wait": 99, "same": 1.0, **more})

    def run(self, arm: str) -> dict[str, object]:
        began = time.monotonic()
        if arm == "once":
            folders = self.once()
        else:
            out = self.place / arm
            rules = self.rules(**ARMS[arm])
            if not out.is_dir():
                self.shared(out, rules)
            self.loop(out, rules, True)
            folders = [out / f"round-{number}" for number in range(1, ROUNDS + 1)]
        rounds = [self.measure(folder) for folder in folders]
        return {"arm": arm, "rounds": rounds, "seconds": round(time.monotonic() - began)}

    @property
    def loop_dev(self) -> Inputs | None:
        """In `equal` the last step is what is kept, so the trainer sees no dev."""
        return self.dev_inputs if self.converged else None

    def first(self) -> Path:
        """The loop that all arms share the first round of."""
        out = self.place / "first"
        if not (out / "round-1" / "delta.json").is_file():
            stop_after(out / "round-1" / "delta.json", lambda: self.loop(out, self.rules(), True if out.exists() else None))
        return out

    def shared(self, out: Path, rules: LoopConfig) -> None:
        part = out.with_name(f"{out.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(self.first(), part, ignore=shutil.ignore_patterns("loop.json"))
        identity = _identity(self.data, self.training, self.mining, rules, self.loop_dev)
        (part / "loop.json").write_text(json.dumps({"identity": identity, "done": False}))
        part.rename(out)

    def once(self) -> list[Path]:
        """Round 1, and the same negatives again for as many steps."""
        first = self.first() / "round-1"
        if self.converged:
            return [first]
        folders = [first]
        for number in range(2, ROUNDS + 1):
            folder = self.place / "once" / f"round-{number}"
            folder.mkdir(parents=True, exist_ok=True)
            before, steps = folders[-1], self.training.steps
            config = TrainConfig.of(
                **{
                    **self.training.model_dump(),
                    "model": str(before / "model"),
                    "seed": self.training.seed + number - 1,
                    "use_negatives": 3,
                    "changes": ("draw",),
                }
            )
            part = Continuation(before, folder, steps * (number - 1), steps * ROUNDS)
            if not (folder / "model" / "modules.json").is_file():
                train(first / "training.jsonl", config, out=folder / "model", runtime=self.runtime, continuation=part, resume=True)
            folders.append(folder)
        return folders

    def loop(self, out: Path, rules: LoopConfig, resume: bool | None) -> None:
        loop(self.data, self.training, self.mining, rules, out=out, dev=self.loop_dev, runtime=self.runtime, resume=resume)

    def measure(self, folder: Path) -> dict[str, object]:
        settings = MiningConfig.of(model=str(folder / "model"))
        values = {}
        for name, data in (("dev", self.dev), ("test", self.test)):
            config = EvaluateConfig.of(measures=("ndcg@10",))
            values[name] = score_queries(data, str(folder / "model"), config, settings, self.runtime)[:, 0]
        told: dict[str, object] = {"dev": float(values["dev"].mean()), "test": values["test"].tolist()}
        if (folder / "anchors.json").is_file():
            anchors = anchors_of(folder)
            told["negatives"] = sum(len(anchor.negatives) for anchor in anchors.values())
            told["counts"] = json.loads((folder / "anchors.json").read_text())["counts"]
            if self.truth:
                told["false"] = sum(len(self.truth[query] & set(anchor.negatives)) for (query, _), anchor in anchors.items())
        return told


def table(work: Path) -> None:
    for regime in sorted(path for path in work.iterdir() if path.is_dir()):
        for data in sorted(path for path in regime.iterdir() if path.is_dir()):
            show(regime.name, data)


def show(regime: str, data: Path) -> None:
    cells = {arm: [json.loads(path.read_text()) for path in sorted(data.glob(f"*/{arm}.json"))] for arm in ARMS}
    counts = {len(each) for each in cells.values()}
    print(f"\n{regime} {data.name}, seeds: {sorted(counts)}")
    base = np.array([cell["rounds"][-1]["test"] for cell in cells["once"]])[:, :, None]
    for arm, made in cells.items():
        if not made:
            continue
        dev = [np.mean([cell["rounds"][place]["dev"] for cell in made]) for place in range(len(made[0]["rounds"]))]
        test = [np.mean([np.mean(cell["rounds"][place]["test"]) for cell in made]) for place in range(len(made[0]["rounds"]))]
        values = np.array([cell["rounds"][-1]["test"] for cell in made])[:, :, None]
        low, high = bootstrap_difference(values, base)[:, 0] if len(values) == len(base) else (np.nan, np.nan)
        false = [r["false"] / r["negatives"] for cell in made for r in cell["rounds"] if "false" in r]
        words = " ".join(f"{value:.4f}" for value in dev), " ".join(f"{value:.4f}" for value in test)
        delta = f"{test[-1] - base.mean():+.4f} ({low:+.4f} to {high:+.4f})"
        size = [r.get("negatives") for r in made[0]["rounds"]]
        print(f"{arm:12} dev {words[0]} | test {words[1]} | {delta} | negatives {size} | false {np.round(false, 4).tolist()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", action="append", default=[], help="NAME=BEIR FOLDER")
    parser.add_argument("--model", default="")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--regime", choices=["equal", "converged"], default="equal")
    parser.add_argument("--rate", type=float, default=0.1)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--table", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    deadline = time.monotonic() + args.hours * 3600
    for seed in range(args.seeds):
        for name, _, folder in (each.partition("=") for each in args.data):
            cells = Cells(args, name, Path(folder), seed)
            for arm in ARMS:
                path = cells.place / f"{arm}.json"
                if path.is_file() or time.monotonic() > deadline:
                    continue
                path.write_text(json.dumps(cells.run(arm)))
                for old in cells.place.glob(f"{arm}/round-*/m*"):  # models and mined runs
                    shutil.rmtree(old)
                print(args.regime, name, seed, arm, flush=True)
            shutil.rmtree(cells.place / "cache", ignore_errors=True)
    table(args.work)


if __name__ == "__main__":
    main()

"""Kill -9 a run at a random moment, many times, and go on: python tests/long/kill_run.py --rounds 50

Each round starts the same run anew, kills it once or more, then lets the same command finish. Training file and candidates must be those
of a run that was never interrupted, byte for byte. With --judge a tiny cross-encoder scores candidates in each run, into a cache of its own.
With --over another run lies there, and is replaced with --force: after a kill it is whole,
or the new one is. The suite runs a few rounds.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from miner.runs.run import Run

ROOT = Path(__file__).parents[2]


def write_data(folder: Path, queries: int, passages: int, dim: int = 32) -> None:
    """A BEIR folder with vectors made before, so that no model is needed."""
    rng = np.random.default_rng(0)
    (folder / "qrels").mkdir(parents=True)
    for side, name, count in (("passage", "corpus", passages), ("query", "queries", queries)):
        lines = (f'{{"_id": "{side[0]}{i:06d}", "text": "{side} number {i}"}}\n' for i in range(count))
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
        np.save(folder / f"{side}.npy", rng.standard_normal((count, dim)).astype(np.float32))
        (folder / f"{side}.ids").write_text("".join(f"{side[0]}{i:06d}\n" for i in range(count)), encoding="utf-8")
    judged = "".join(f"q{i:06d}\tp{int(p):06d}\t1\n" for i, p in enumerate(rng.integers(0, passages, queries)))
    (folder / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\n" + judged, encoding="utf-8")


def judge_flags(folder: Path) -> list[str]:
    """Flags of a run with a judge: a cross-encoder of one layer, made in `folder`."""
    sys.path.insert(0, str(ROOT / "tests"))
    from tiny import bare_model

    bare_model(folder, "BertForSequenceClassification", num_labels=1, initializer_range=2.0)
    return [f"--judge=cross-encoder:model={folder},first=8,most=16", "--filter=max_score:by=cross-encoder,score=0.6"]


def start(data: Path, out: Path, *more: str) -> subprocess.Popen[bytes]:
    """The run, in a process of its own."""
    vectors = [f"--{side}-vectors={data / side}.npy" for side in ("query", "passage")]
    command = [sys.executable, "-m", "hardneg", "mine", f"--data={data}", *vectors, f"--out={out}", "--quiet", "--column=ids", *more]
    environ = {
        **os.environ,
        "HARDNEG_CACHE": str(out.with_name(f"cache-{out.name}")),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    return subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def contents(out: Path) -> str:
    """One hash over the training file and every candidate file."""
    digest = hashlib.sha256()
    for file in [out / "triplets.jsonl", *sorted((out / "candidates.parquet").iterdir())]:
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


def one_round(folder: Path, out: Path, more: list[str], waits: list[float], allowed: list[str]) -> tuple[list[str], int]:
    """What went wrong in one round, killed after each wait and then left to finish, and how many committed blocks the kills left to go on from.
    The first of `allowed` is right; after a kill the others are too."""
    faults, blocks = [], 0
    for wait in waits:
        process = start(folder / "data", out, *more)
        time.sleep(wait)
        process.kill()
        process.wait()
        blocks += len(list(folder.glob(f".{out.name}.part/candidates.parquet/block-*")))
        if out.exists() and (contents(out) not in allowed or Run(out).differences()):
            faults.append("what is there after a kill is no whole run")
        if out.exists() and "--force" not in more:
            break
    last = start(folder / "data", out, *more) if "--force" in more or not out.exists() else None
    if last and last.wait():
        faults.append(f"going on failed: {last.stderr.read().decode()[-300:]}")
    elif contents(out) != allowed[0]:
        faults.append("the output differs from an uninterrupted run's")
    if left := [path.name for path in folder.glob(f".{out.name}*")]:
        faults.append(f"left behind: {left}")
    return faults, blocks


def rounds(
    count: int, folder: Path, seed: int = 0, queries: int = 12_000, passages: int = 4_000, over: bool = False, judge: bool = False
) -> list[str]:
    """What went wrong; empty is good."""
    draw, faults, found, more = random.Random(seed), [], 0, ["--force"] if over else []
    write_data(folder / "data", queries, passages)
    if judge:
        more += judge_flags(folder / "judge")
    began = time.perf_counter()
    assert start(folder / "data", folder / "whole", *more).wait() == 0
    seconds, allowed = time.perf_counter() - began, [contents(folder / "whole")]
    if over:
        assert start(folder / "data", folder / "old", "--sampler=uniform").wait() == 0
        allowed.append(contents(folder / "old"))
        shutil.copytree(folder / "old", folder / "taken")
        began = time.perf_counter()
        assert start(folder / "data", folder / "taken", *more).wait() == 0
        seconds = time.perf_counter() - began
    for turn in range(count):
        out = folder / f"killed-{turn}"
        if over:
            shutil.copytree(folder / "old", out)
        waits = [seconds * draw.uniform(0.2, 1.0) for _ in range(draw.choice([1, 1, 2]))]
        wrong, blocks = one_round(folder, out, more, waits, allowed)
        faults, found = faults + [f"round {turn}: {fault}" for fault in wrong], found + blocks
        for path in (out, out.with_name(f"cache-{out.name}")):
            shutil.rmtree(path, ignore_errors=True)
    print(f"{count} rounds of about {seconds:.1f} s; {found} committed blocks were found again")
    return faults


def main() -> None:
    """Run, and exit 1 when something was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--over", action="store_true", help="replace another run, whose candidates are taken over")
    parser.add_argument("--judge", action="store_true", help="a tiny cross-encoder judges")
    given = parser.parse_args()
    sizes = {"queries": 1500, "passages": 600} if given.judge else {}
    with tempfile.TemporaryDirectory() as folder:
        faults = rounds(given.rounds, Path(folder), given.seed, over=given.over, judge=given.judge, **sizes)
    print(*(faults or ["every run went on to the same bytes, and nothing was left behind"]), sep="\n")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()

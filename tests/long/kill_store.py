"""Kill -9 a writer of the embedding store at a random moment, many times: python tests/long/kill_store.py --rounds 50

After each kill the store is opened again: every committed text has its exact vector, and no more than the block in flight is missing.
The suite runs five rounds.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from miner.encode.store import Store, sha_keys

ROOT = Path(__file__).parents[2]
DIM, BLOCK = 64, 500
FINGERPRINT = "f" * 64


def block(number: int) -> tuple[np.ndarray, np.ndarray]:
    """The keys of a block's texts, and vectors that follow from the number."""
    start = number * BLOCK
    keys = sha_keys(f"text {i}" for i in range(start, start + BLOCK))
    return keys, (np.arange(start, start + BLOCK, dtype=np.float32)[:, None] + np.arange(DIM, dtype=np.float32) / DIM)


def write(cache: Path, first: int, last: int, step: int) -> None:
    """Append blocks, and tell on standard output which are committed."""
    store = Store(cache, FINGERPRINT, DIM)
    for number in range(first, last, step):
        store.append(*block(number))
        os.write(1, f"{number}\n".encode())


def writer(cache: Path, first: int, last: int, step: int = 1) -> subprocess.Popen[bytes]:
    """`write` in a process of its own."""
    command = [sys.executable, __file__, "--write", str(cache), str(first), str(last), str(step)]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    return subprocess.Popen(command, stdout=subprocess.PIPE, env=environ)


def wrong(cache: Path, first: int, last: int) -> tuple[int, int]:
    """How many texts of these blocks are in the store, and how many of those have another vector than theirs."""
    store = Store(cache, FINGERPRINT, DIM)
    found, bad = 0, 0
    for number in range(first, last):
        keys, vectors = block(number)
        places = store.find(keys)
        there = places >= 0
        found += int(there.sum())
        bad += int((store.vectors()[places[there]] != vectors[there]).any(axis=1).sum())
    return found, bad


def rounds(count: int, cache: Path, seed: int = 0) -> list[str]:
    """What went wrong in so many kills, on one store that grows; empty is good."""
    draw, faults, first = random.Random(seed), [], 0
    for turn in range(count):
        process = writer(cache, first, first + 10_000)
        process.stdout.readline()
        time.sleep(draw.random() * 0.15)
        process.kill()
        process.wait()
        told = 1 + len(process.stdout.read().split())
        process.stdout.close()
        found, bad = wrong(cache, first, first + told + 2)
        if bad or not told * BLOCK <= found <= (told + 1) * BLOCK:
            faults.append(f"kill {turn}: {told} blocks told, {found} texts found, {bad} of them wrong")
        first += told + 2
    if wrong(cache, 0, first)[1]:
        faults.append("an earlier block is damaged")
    return faults


def main() -> None:
    """Run, and exit 1 when something was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", nargs=4, metavar=("CACHE", "FIRST", "LAST", "STEP"), help="be the writer")
    given = parser.parse_args()
    if given.write:
        write(Path(given.write[0]), *map(int, given.write[1:]))
        return
    with tempfile.TemporaryDirectory() as folder:
        faults = rounds(given.rounds, Path(folder), given.seed)
    print(*(faults or [f"{given.rounds} kills: nothing lost but what was in flight"]), sep="\n")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()

"""A tiny run, end to end, whose training file is known: the same bytes on every machine, whatever its kernels.

Its vectors are small whole numbers and compared by dot product, so that every sum is exact in whatever order it is taken.
"""

from __future__ import annotations

import time
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from miner.config import Inputs, MiningConfig, Runtime
from miner.io.scratch import scratch
from miner.runs.run import mine

QUERIES, PASSAGES, DIM = 40, 300, 16
SHA256 = "8a8147b3c806a2c31a25ead34fdf7de83affe0dd2c406317a9261119425cf77c"
"""Of the training file. It changes with the rules of `SETTINGS` and the format alone."""

SETTINGS: dict[str, Any] = {
    "similarity": "dot",
    "filters": ("near_positive:off", "nearest:off", "margin:relative=0.05,background=0.3,relax=true", "containment"),
    "depth": 30,
    "max_depth": 120,
    "sampler": "uniform:first=10",
    "seed": 7,
    "columns": ("ids", "scores", "ranks", "tiers"),
}


class Checked(NamedTuple):
    """Whether the file was the known one, its hash, and how long it took."""

    right: bool
    sha256: str
    seconds: float


def selfcheck() -> Checked:
    """Mine the tiny data in a temporary folder."""
    began = time.perf_counter()
    with scratch() as folder:
        inputs = write(folder / "data")
        runtime = Runtime.of(cache=folder / "cache")
        run = mine(inputs, MiningConfig.of(**SETTINGS), out=folder / "run", runtime=runtime)
        found = sha256(run.file.read_bytes()).hexdigest()
    return Checked(found == SHA256, found, round(time.perf_counter() - began, 3))


def write(folder: Path) -> Inputs:
    """The data: a BEIR folder with vectors made before. Numbers are drawn by hash, so that no library's generator is in them."""
    (folder / "qrels").mkdir(parents=True)
    for side, name, count in (("passage", "corpus", PASSAGES), ("query", "queries", QUERIES)):
        ids = [f"{side[0]}{number}" for number in range(count)]
        lines = (f'{{"_id": "{each}", "text": "{side} {each} {_draw(each)[0] % 9}"}}\n' for each in ids)
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
        (folder / f"{side}.ids").write_text("".join(f"{each}\n" for each in ids), encoding="utf-8")
        np.save(folder / f"{side}.npy", np.array([[value % 17 - 8 for value in _draw(each)[:DIM]] for each in ids], dtype=np.float32))
    judged = "".join(f"q{number}\tp{7 * number}\t1\n" for number in range(QUERIES))
    (folder / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\n" + judged, encoding="utf-8")
    vectors = {f"{side}_vectors": str(folder / f"{side}.npy") for side in ("query", "passage")}
    return Inputs.of(data=str(folder), **vectors)


def _draw(name: str) -> bytes:
    return sha256(name.encode()).digest()

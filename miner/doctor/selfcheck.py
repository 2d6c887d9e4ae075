"""A tiny end-to-end run with a known training file: the same bytes on every machine, whatever its kernels.

Its vectors are small whole numbers, and the similarity is the dot product, so that every sum is exact in any order.
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
"""Hash of the training file. It changes only with the rules of `SETTINGS` and the format."""

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
    """The result. right: whether the training file is the known one."""

    right: bool
    sha256: str
    seconds: float


def selfcheck() -> Checked:
    """Mine the tiny dataset in a temporary folder."""
    start = time.perf_counter()
    with scratch() as folder:
        inputs = write(folder / "data")
        runtime = Runtime.of(cache=folder / "cache")
        run = mine(inputs, MiningConfig.of(**SETTINGS), out=folder / "run", runtime=runtime)
        digest = sha256(run.file.read_bytes()).hexdigest()
    return Checked(digest == SHA256, digest, round(time.perf_counter() - start, 3))


def write(folder: Path) -> Inputs:
    """Write the dataset: a BEIR folder with precomputed vectors. Numbers come from a hash, not from a library's random generator."""
    (folder / "qrels").mkdir(parents=True)
    for side, file_name, count in (("passage", "corpus", PASSAGES), ("query", "queries", QUERIES)):
        ids = [f"{side[0]}{number}" for number in range(count)]
        lines = (f'{{"_id": "{name}", "text": "{side} {name} {_draw(name)[0] % 9}"}}\n' for name in ids)
        (folder / f"{file_name}.jsonl").write_text("".join(lines), encoding="utf-8")
        (folder / f"{side}.ids").write_text("".join(f"{name}\n" for name in ids), encoding="utf-8")
        np.save(folder / f"{side}.npy", np.array([[value % 17 - 8 for value in _draw(name)[:DIM]] for name in ids], dtype=np.float32))
    judgements = "".join(f"q{number}\tp{7 * number}\t1\n" for number in range(QUERIES))
    (folder / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\n" + judgements, encoding="utf-8")
    vectors = {f"{side}_vectors": str(folder / f"{side}.npy") for side in ("query", "passage")}
    return Inputs.of(data=str(folder), **vectors)


def _draw(name: str) -> bytes:
    return sha256(name.encode()).digest()

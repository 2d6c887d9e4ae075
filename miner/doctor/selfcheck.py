"""A tiny end-to-end run with a known training file: the same bytes on every machine, whatever its kernels.

Its vectors are small whole numbers, and the similarity is the dot product, so that every sum is exact in any order.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from miner.config import Inputs, MiningConfig, Runtime
from miner.io.array_files import write_array
from miner.io.atomic import sha256_of
from miner.io.plain_files import write_file
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


class CheckResult(NamedTuple):
    """The result. right: whether the training file is the known one."""

    right: bool
    sha256: str
    seconds: float


def selfcheck() -> CheckResult:
    """Mine the tiny dataset in a temporary folder."""
    start = time.perf_counter()
    with scratch() as folder:
        inputs = write(folder / "data")
        runtime = Runtime.of(cache=folder / "cache")
        with _without_notes():
            run = mine(inputs, MiningConfig.of(**SETTINGS), out=folder / "run", runtime=runtime)
        digest = sha256_of(run.file)
    return CheckResult(digest == SHA256, digest, round(time.perf_counter() - start, 3))


@contextmanager
def _without_notes() -> Iterator[None]:
    """Log no note of the run: its vectors are random, and every note on them is right and of no use."""
    logger = logging.getLogger("miner.runs.summary")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def write(folder: Path) -> Inputs:
    """Write the dataset: a BEIR folder with precomputed vectors. Numbers come from a hash, not from a library's random generator."""
    (folder / "qrels").mkdir(parents=True)
    for side, file_name, count in (("passage", "corpus", PASSAGES), ("query", "queries", QUERIES)):
        ids = [f"{side[0]}{number}" for number in range(count)]
        lines = (f'{{"_id": "{name}", "text": "{side} {name} {_draw(name)[0] % 9}"}}\n' for name in ids)
        write_file(folder / f"{file_name}.jsonl", "".join(lines).encode())
        write_file(folder / f"{side}.ids", "".join(f"{name}\n" for name in ids).encode())
        vectors = np.array([[value % 17 - 8 for value in _draw(name)[:DIM]] for name in ids], dtype=np.float32)
        write_array(folder / f"{side}.npy", vectors)
    judgements = "".join(f"q{number}\tp{7 * number}\t1\n" for number in range(QUERIES))
    write_file(folder / "qrels" / "train.tsv", f"query-id\tcorpus-id\tscore\n{judgements}".encode())
    vector_files = {f"{side}_vectors": str(folder / f"{side}.npy") for side in ("query", "passage")}
    return Inputs.of(data=str(folder), **vector_files)


def _draw(name: str) -> bytes:
    return sha256(name.encode()).digest()

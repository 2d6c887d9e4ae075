"""Does the suite see what it is there for? Eighteen deliberate one-line defects, each in a copy of the tree: python benchmarks/defects.py

Prints caught or survived for each, and exits 1 if one survived. With numbers as arguments only those run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
COPIED = ("hardneg", "miner", "app", "tests", "pyproject.toml")


class Defect(NamedTuple):
    """One line of one file made wrong, and the tests that should see it."""

    name: str
    file: str
    old: str
    new: str
    tests: str


DEFECTS = [
    Defect("seed ignored", "support/noise.py", "np.uint64(seed & 0xFFFFFFFFFFFFFFFF)", "np.uint64(0)", "support/test_noise.py"),
    Defect(
        "rank off by one",
        "core/ladder.py",
        "np.where(filled, columns + 1, 0)",
        "np.where(filled, columns, 0)",
        "core/test_ladder.py core/test_two_passes.py",
    ),
    Defect("> becomes >=", "filters/score.py", "candidates.scores > self.ceiling", "candidates.scores >= self.ceiling", "filters"),
    Defect(
        "|reference| becomes reference",
        "filters/score.py",
        "reference - np.abs(reference) * self.relative",
        "reference - reference * self.relative",
        "filters",
    ),
    Defect(
        "known positives by row only",
        "evidence/identity.py",
        "among(candidates.rows, candidates.positives, self._position)",
        "among(candidates.rows, candidates.positives, np.arange(len(self._position)))",
        "core/test_two_passes.py",
    ),
    Defect(
        "padding judged",
        "core/judging.py",
        "np.where(candidates.present, 0, PADDING)",
        "np.zeros(candidates.rows.shape)",
        "core/test_two_passes.py",
    ),
    Defect("ties by row, not by id", "sources/dense.py", "order = texts.id_order", "order = np.arange(len(texts))", "test_determinism.py"),
    Defect("tier wrong", "core/ladder.py", "slots] = tier", "slots] = min(tier, 1)", "core/test_ladder.py core/test_two_passes.py"),
    Defect("writers not locked out", "encode/store.py", "fcntl.LOCK_EX", "fcntl.LOCK_SH", "encode/test_store.py"),
    Defect("torn vectors kept", "encode/store.py", "vector_file.truncate(len(self._rows) * self.dim * 4)", "pass", "encode/test_store.py"),
    Defect("nearest becomes farthest", "evidence/near_positive.py", "np.fmax(out[anchors]", "np.fmin(out[anchors]", "evidence"),
    Defect("upper quartile", "core/choosing.py", "astype(np.float64), 0.25)", "astype(np.float64), 0.75)", "runs/test_run.py"),
    Defect("one skipped too few", "filters/window.py", "ranks > self.skip", "ranks >= self.skip", "filters"),
    Defect("copies among candidates kept", "filters/identity.py", '["same_text"] & (1 | 4)', '["same_text"] & 1', "filters"),
    Defect("default not validated", "config/mining.py", "validate_default=True", "validate_default=False", "config/test_config.py"),
    Defect(
        "own reference score is the weakest",
        "core/judging.py",
        "positive_scores=scores[:, None], reference_scores=scores\n",
        "positive_scores=scores[:, None]\n",
        "core/test_two_passes.py",
    ),
    Defect("boundary trusted", "sources/dense.py", "outside < scores[:, -1]", "outside < np.inf", "sources test_determinism.py"),
    Defect("strict tier reaches beyond depth", "core/choosing.py", "(dropped == 0) & within", "dropped == 0", "core/test_two_passes.py"),
]


def caught(defect: Defect) -> bool:
    """Whether the tests fail in a copy of the tree that has the defect."""
    with tempfile.TemporaryDirectory() as folder:
        for name in COPIED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, Path(folder) / name)
        path = Path(folder) / "miner" / defect.file
        source = path.read_text(encoding="utf-8")
        if source.count(defect.old) != 1:
            sys.exit(f"{defect.file} holds {defect.old!r} {source.count(defect.old)} times: bring the list up to date")
        path.write_text(source.replace(defect.old, defect.new), encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-x",
            "-q",
            "-p",
            "no:cacheprovider",
            *(f"tests/{name}" for name in defect.tests.split()),
        ]
        environ = {**os.environ, "PYTHONPATH": folder}
        done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):
            sys.exit(f"pytest could not run:\n{done.stdout[-2000:]}")
        return done.returncode == 1


def main() -> None:
    """The table."""
    chosen = [int(text) for text in sys.argv[1:]] or range(1, len(DEFECTS) + 1)
    survived = 0
    for number in chosen:
        started, found = time.perf_counter(), caught(DEFECTS[number - 1])
        survived += not found
        told = "caught" if found else "SURVIVED"
        print(f"{number:2}  {DEFECTS[number - 1].name:34}{told:10}{time.perf_counter() - started:5.1f} s", flush=True)
    print(f"{len(chosen) - survived} of {len(chosen)} caught")
    sys.exit(bool(survived))


if __name__ == "__main__":
    main()

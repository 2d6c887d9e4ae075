"""Does the suite see what it is there for? Deliberate one-line defects, each in a copy of the tree, against the tests nearest to it.

    python tests/long/defects.py [NUMBER ...] [--jobs N]

Prints caught or survived for each of the table (defects.toml), and exits 1 if one survived, hung, or if the tests fail without a defect.
Every copy is tested in a forked child, which finds the heavy libraries imported already.
"""

from __future__ import annotations

import argparse
import compileall
import gc
import os
import py_compile
import shutil
import signal
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT, TABLE = Path(__file__).parents[2], Path(__file__).with_name("defects.toml")
COPIED = (
    "hardneg",
    "miner",
    "app",
    "tests",
    "docs",
    "examples",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "pyproject.toml",
    "requirements-dev.txt",
)
OPTIONS = ("-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", "ignore::pytest.PytestAssertRewriteWarning")
LIMIT_SECONDS = 600
PASSED, FAILED = 0, 1
"""Exit statuses of pytest; any other one means that it could not run the tests."""


@dataclass(frozen=True)
class Defect:
    """One line of one file made wrong, and the tests, as pytest takes them below tests/, of which one should fail."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


DEFECTS = [Defect(**{**entry, "tests": tuple(entry["tests"])}) for entry in tomllib.loads(TABLE.read_text(encoding="utf-8"))["defect"]]


@dataclass(frozen=True)
class Child:
    """A process that tests one copy of the tree. number 0: the copy has no defect."""

    number: int
    folder: Path
    started: float
    limit: float

    @property
    def log(self) -> Path:
        """What its tests printed."""
        return self.folder / "defects.log"


def import_heavy_libraries() -> None:
    """Import what most tests import, but nothing of our own: a child imports that from its copy."""
    import accelerate  # noqa: F401
    import bm25s  # noqa: F401
    import datasets  # noqa: F401
    import fastapi.testclient  # noqa: F401
    import hypothesis.strategies
    import pytest  # noqa: F401
    import sentence_transformers  # noqa: F401
    import sqlalchemy  # noqa: F401
    import transformers  # noqa: F401

    hypothesis.strategies.text().validate()  # computes its table of characters
    import _hypothesis_pytestplugin  # noqa: F401

    ours = {name.partition(".")[0] for name in sys.modules} & {"hardneg", "miner", "app"}
    if ours:
        sys.exit(f"{', '.join(sorted(ours))} is imported already: a child would test that and not its copy")
    gc.collect()
    gc.freeze()  # a child need not look through all that


def copy_tree(folder: Path) -> None:
    """Copy what the tests need, and compile it: a compiled file holds the hash of its source, so that a changed source is compiled again."""
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "_build"))
        else:
            shutil.copy(ROOT / name, folder / name)
    for name in ("hardneg", "miner", "app"):
        compileall.compile_dir(folder / name, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)


def insert(defect: Defect, folder: Path) -> None:
    """Make the line wrong in a copy of the tree."""
    path = folder / defect.file
    source = path.read_text(encoding="utf-8")
    if source.count(defect.old) != 1:
        sys.exit(f"{defect.file} holds {defect.old!r} {source.count(defect.old)} times: bring the table up to date")
    path.write_text(source.replace(defect.old, defect.new), encoding="utf-8")


def fork(child: Child, tests: Sequence[str]) -> int:
    """Start pytest over `tests` in the child's folder; return the process id."""
    if pid := os.fork():
        return pid
    os.setsid()
    os.chdir(child.folder)
    log = os.open(child.log, os.O_WRONLY | os.O_CREAT, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ["PYTHONPATH"] = str(child.folder)
    sys.path[:] = [str(child.folder), *(path for path in sys.path if path not in {str(ROOT), str(Path(__file__).parent)})]
    import pytest

    status = pytest.main([*OPTIONS, *(f"tests/{name}" for name in tests)])
    sys.stdout.flush()
    os._exit(int(status))


def run(numbers: Sequence[int], jobs: int, work: Path) -> Iterator[tuple[Child, int | None]]:
    """Each child that ended, with the status of pytest, None where it took too long; first that without a defect."""
    copy_tree(work / "tree")
    waiting, children = [0, *numbers], dict[int, Child]()
    while waiting or children:
        while waiting and len(children) < jobs:
            number = waiting.pop(0)
            folder = Path(shutil.copytree(work / "tree", work / str(number)))
            tests = list(dict.fromkeys(name for each in ([number] if number else numbers) for name in DEFECTS[each - 1].tests))
            if number:
                insert(DEFECTS[number - 1], folder)
            child = Child(number, folder, time.monotonic(), LIMIT_SECONDS * (1 if number else len(numbers)))
            children[fork(child, tests)] = child
        for pid, child in list(children.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            is_late = not ended and time.monotonic() - child.started > child.limit
            if is_late:
                os.killpg(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            if ended or is_late:
                yield child, None if is_late else os.waitstatus_to_exitcode(status)
                shutil.rmtree(child.folder, ignore_errors=True)
                del children[pid]
        time.sleep(0.2)


def reported(child: Child, status: int | None) -> bool:
    """Print what became of a child; return whether that is as it should be."""
    words = {PASSED: "SURVIVED", FAILED: "caught", None: "TOOK TOO LONG"} if child.number else {PASSED: "passed", FAILED: "FAILED"}
    name = DEFECTS[child.number - 1].name if child.number else "(no defect)"
    log = child.log.read_text(encoding="utf-8", errors="replace")
    word, seconds = words.get(status, f"PYTEST ENDED WITH {status}"), time.monotonic() - child.started
    by = next((line.split()[1].partition("::")[2] for line in log.splitlines() if line.startswith(("FAILED ", "ERROR "))), "")
    print(f"{child.number:3}  {name:50} {word:8} {seconds:6.1f} s  {by[:90]}", flush=True)
    is_right = status == (FAILED if child.number else PASSED)
    if not is_right:
        print(log[-2000:], flush=True)
    return is_right


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("numbers", nargs="*", type=int, help="lines of the table, from 1; default: all")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="children at the same time")
    arguments = parser.parse_args()
    numbers = arguments.numbers or list(range(1, len(DEFECTS) + 1))
    os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HYPOTHESIS_PROFILE": "red"}
    import_heavy_libraries()
    with tempfile.TemporaryDirectory(prefix="hardneg-defects-") as work:
        right = {child.number: reported(child, status) for child, status in run(numbers, arguments.jobs, Path(work))}
    caught = sum(right[number] for number in numbers)
    print(f"{caught} of {len(numbers)} caught; without a defect the tests {'pass' if right[0] else 'FAIL'}")
    sys.exit(not all(right.values()))


if __name__ == "__main__":
    main()

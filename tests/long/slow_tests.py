"""Which tests `make test-fast` leaves out: those that took long in a run of the whole suite.

    .venv/bin/pytest -n 2 --dist loadfile --durations=0 > LOG
    python tests/long/slow_tests.py LOG [--seconds 0.08]

writes tests/slow.txt, one test a line, whatever its parameters. tests/conftest.py marks each of them as slow.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

LIST = Path(__file__).parents[1] / "slow.txt"
LINE = re.compile(r"^([\d.]+)s call +(tests/[^\[\s]+)")


def slow_tests(log: str, seconds: float) -> list[str]:
    """Names of the tests of which a call took at least so long. What a fixture took, another test would have to wait for."""
    found = (LINE.match(line) for line in log.splitlines())
    return sorted({match[2].removeprefix("tests/") for match in found if match and float(match[1]) >= seconds})


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", type=Path)
    parser.add_argument("--seconds", type=float, default=0.08)
    args = parser.parse_args()
    names = slow_tests(args.log.read_text(encoding="utf-8"), args.seconds)
    LIST.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Random calls of the drop-in against sentence-transformers' own function: python -m benchmarks.peers.fuzz_compat --cases 5000

Compared: rows, columns, types, errors, warnings, log messages, printed text, how the model was called, and where Python's random numbers
stand afterwards; once with every repair switched off, once with those in force. Prints the first differences and exits 1.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter

from benchmarks.inputs import arguments
from benchmarks.record import ROOT, record

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
sys.path.insert(0, str(ROOT / "tests"))

from peer import Call, differences, repaired_differences, run
from peer_calls import call_of
from sentence_transformers.util import mine_hard_negatives as original

from miner.compat import PARITY, mine_hard_negatives, repairing

SHOWN = 3


def compared(call: Call, seen: Counter[str]) -> list[str]:
    """What differs in one call."""
    theirs = run(original, call)
    with repairing(PARITY):
        ours = run(mine_hard_negatives, call)
    seen[theirs.error[0].__name__ if theirs.error else "with rows" if theirs.rows else "without rows"] += 1
    seen.update(f"argument {name}" for name in call.arguments)
    seen.update({"argument cross_encoder": bool(call.cross), "argument cache_folder": call.cached})
    found: list[str] = differences(theirs, ours) or repaired_differences(original, mine_hard_negatives, call, theirs)
    return found


def main() -> None:
    """Run, count, tell."""
    parser = arguments(__doc__, data=False, model=False)
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--first", type=int, default=0, help="seed of the first call")
    asked = parser.parse_args()
    seen, different, started = Counter[str](), 0, time.perf_counter()
    for seed in range(asked.first, asked.first + asked.cases):
        call = call_of(seed)
        found = compared(call, seen)
        different += bool(found)
        if found and different <= SHOWN:
            print(seed, call, *found, sep="\n")
    counts = {"cases": asked.cases, "first": asked.first, "different": different, "seconds": round(time.perf_counter() - started)}
    record({**counts, **seen}, asked.out)
    sys.exit(bool(different))


if __name__ == "__main__":
    main()

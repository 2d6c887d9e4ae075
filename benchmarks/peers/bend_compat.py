"""Does the comparison see a bent rule? Each rule of the drop-in is made wrong by itself, in a copy: python -m benchmarks.peers.bend_compat

The judge is the same comparison as the fuzz's, on its first calls. Prints after how many calls each was caught; exits 1 if one survived.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.inputs import arguments
from benchmarks.record import ROOT, record

os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("HF_HUB_OFFLINE", "1")
sys.path.insert(0, str(ROOT / "tests"))

from peer import differences, repaired_differences, run
from peer_calls import call_of
from sentence_transformers.util import mine_hard_negatives as original

CALLS = 80
"""As many as the suite makes."""


class Bend(NamedTuple):
    """One line of one file of the room made wrong."""

    name: str
    file: str
    old: str
    new: str


BENDS = [
    Bend("nine times the negatives", "arguments", "(10 if has_ceiling", "(9 if has_ceiling"),
    Bend(
        "min_score alone widens the window",
        "arguments",
        'values["cross_encoder"] is not None and values["min_score"]',
        'values["min_score"]',
    ),
    Bend("repeated rows count once", "arguments", "counts[query] += text is not None", "counts[query] = 1"),
    Bend("positives need no room", "arguments", "return self.range_max + self.most_positives", "return self.range_max"),
    Bend("positives before the corpus", "distinct_texts", "corpus + texts", "texts + corpus"),
    Bend(
        "queries are encoded first", "embed", "part for part in ENCODING_ORDER if not", "part for part in reversed(ENCODING_ORDER) if not"
    ),
    Bend("candidates worst first", "search", "values.gather(1, order), dim=1, descending=True", "values.gather(1, order), dim=1"),
    Bend("own positives stay", "choose", '{"known_positive": is_positive}', '{"known_positive": is_positive & False}'),
    Bend("the strongest positive is the bar", "choose", "np.minimum.reduceat", "np.maximum.reduceat"),
    Bend(
        "an absolute margin in float64",
        "original_rules",
        "scores=scores + scores.dtype.type(self.margin)",
        "scores=scores.astype(float) + self.margin",
    ),
    Bend("P, not |P|", "original_rules", "reference_score.abs() * self.margin", "reference_score * self.margin"),
    Bend("a bound in float64", "original_rules", "float(np.dtype(dtype).type(value))", "float(value)"),
    Bend("ranks start one later", "original_rules", "skip=arguments.range_min", "skip=arguments.range_min + 1"),
    Bend("one less rank", "original_rules", "last=arguments.range_max", "last=max(arguments.range_min + 1, arguments.range_max - 1)"),
    Bend("draws from one too many", "choose", "range(max(total, count))", "range(max(total, count) + 1)"),
    Bend("drawn ones are not sorted", "choose", "sorted(random.sample", "list(random.sample"),
    Bend("positives keep the model's score", "choose", "positives() if rescorer", "positives() if rescorer and False"),
    Bend(
        "the cross-encoder without a filter", "rescore", "if cross_encoder is None or not arguments.filtered:", "if cross_encoder is None:"
    ),
    Bend("a tuple with one negative is enough", "output", "spread.has_negative.all(axis=1)", "spread.has_negative.any(axis=1)"),
    Bend("distinct pairs in the missing count", "output", "mined.rows.size + texts.rows", "mined.rows.size + len(texts.owners)"),
    Bend("margins do not shrink the total", "verbose", 'skipped if name.endswith("margin") else 0', "0"),
    Bend("min_score counts what it removed", "verbose", "and not arguments.repairs.true_counts", "and arguments.repairs.true_counts"),
]


def caught_after(folder: str) -> int:
    """The number of the first call that differs, with the tree in `folder`; 0: none does. To be called in a process of its own."""
    sys.path.insert(0, folder)
    from miner.compat import PARITY, mine_hard_negatives, repairing

    if not str(sys.modules["miner"].__file__).startswith(folder):
        raise RuntimeError("another tree was imported before")
    for seed in range(CALLS):
        call = call_of(seed)
        theirs = run(original, call)
        with repairing(PARITY):
            ours = run(mine_hard_negatives, call)
        if differences(theirs, ours) or repaired_differences(original, mine_hard_negatives, call, theirs):
            return seed + 1
    return 0


def caught(bend: Bend | None) -> int:
    """The same for a copy of the tree with the bend, or without any."""
    with tempfile.TemporaryDirectory() as folder, multiprocessing.get_context("fork").Pool(1) as pool:
        shutil.copytree(ROOT / "miner", Path(folder) / "miner")
        if bend:
            path = Path(folder) / "miner" / "compat" / f"{bend.file}.py"
            source = path.read_text(encoding="utf-8")
            if source.count(bend.old) != 1:
                sys.exit(f"{path.name} holds {bend.old!r} {source.count(bend.old)} times: bring the list up to date")
            path.write_text(source.replace(bend.old, bend.new), encoding="utf-8")
        return pool.apply(caught_after, (folder,))


def main() -> None:
    """The table."""
    parser = arguments(__doc__, data=False, model=False)
    parser.add_argument("numbers", type=int, nargs="*", help="which rules [all]")
    args = parser.parse_args()
    if caught(None):
        sys.exit("the calls differ without any bend")
    chosen = args.numbers or range(1, len(BENDS) + 1)
    calls: dict[str, int] = {}
    for number in chosen:
        started, found = time.perf_counter(), caught(BENDS[number - 1])
        calls[BENDS[number - 1].name] = found
        outcome = f"caught by call {found}" if found else "SURVIVED"
        print(f"{number:2}  {BENDS[number - 1].name:38}{outcome:20}{time.perf_counter() - started:5.1f} s", flush=True)
    caught_rules = sum(map(bool, calls.values()))
    record({"rules": len(chosen), "caught": caught_rules, "caught by call": calls}, args.out)
    sys.exit(caught_rules < len(chosen))


if __name__ == "__main__":
    main()

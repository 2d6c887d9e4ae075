"""Does the comparison see a bent rule? Each rule of the drop-in is made wrong by itself, in a copy: python benchmarks/bend_compat.py

Only the random calls judge (`test_random_calls_do_the_same`). Prints caught or survived for each, and exits 1 if one survived.
"""

from __future__ import annotations

import sys
import time

from defects import Defect, caught

TESTS = "test_compat.py::test_random_calls_do_the_same"


def bend(name: str, file: str, old: str, new: str) -> Defect:
    """One line of one file of the room."""
    return Defect(name, f"compat/{file}.py", old, new, TESTS)


BENDS = [
    bend("nine times the negatives", "asked", "(10 if ceilings", "(9 if ceilings"),
    bend("min_score alone widens the window", "asked", 'given["cross_encoder"] is not None and given["min_score"]', 'given["min_score"]'),
    bend("repeated rows count once", "asked", "counts[query] += text is not None", "counts[query] = 1"),
    bend("positives need no room", "asked", "return self.range_max + self.most_positives", "return self.range_max"),
    bend("positives before the corpus", "pairs", "corpus + texts", "texts + corpus"),
    bend("queries are encoded first", "embed", 'for part in ("corpus", "query") if not', 'for part in ("query", "corpus") if not'),
    bend("candidates worst first", "search", "values.gather(1, order), dim=1, descending=True", "values.gather(1, order), dim=1"),
    bend("own positives stay", "choose", '{"known_positive": positive}', '{"known_positive": positive & False}'),
    bend("the strongest positive is the bar", "choose", "np.minimum.reduceat", "np.maximum.reduceat"),
    bend("an absolute margin in float64", "rules", "np.promote_types(scores.dtype, np.float32)", "np.float64"),
    bend("P, not |P|", "rules", "bar.abs() * self.margin", "bar * self.margin"),
    bend("a bound in float64", "rules", "float(np.dtype(dtype).type(value))", "float(value)"),
    bend("ranks start one later", "rules", "skip=asked.range_min", "skip=asked.range_min + 1"),
    bend("one less rank", "rules", "last=asked.range_max", "last=max(asked.range_min + 1, asked.range_max - 1)"),
    bend("draws from one too many", "choose", "range(max(count, wanted))", "range(max(count, wanted) + 1)"),
    bend("drawn ones are not sorted", "choose", "sorted(random.sample", "list(random.sample"),
    bend("positives keep the model's score", "choose", "positives() if rescorer", "positives() if rescorer and False"),
    bend("the cross-encoder without a filter", "rescore", "if cross_encoder is None or not asked.filtered:", "if cross_encoder is None:"),
    bend("a tuple with one negative is enough", "tables", "spread.found.all(axis=1)", "spread.found.any(axis=1)"),
    bend("distinct pairs in the missing count", "tables", "mined.rows.size + texts.rows", "mined.rows.size + len(texts.owners)"),
    bend("margins do not shrink the total", "printed", 'skipped if name.endswith("margin") else 0', "0"),
    bend("min_score counts what it removed", "printed", "and not asked.repairs.true_counts", "and asked.repairs.true_counts"),
]


def main() -> None:
    """The table."""
    chosen = [int(text) for text in sys.argv[1:]] or range(1, len(BENDS) + 1)
    survived = 0
    for number in chosen:
        started, found = time.perf_counter(), caught(BENDS[number - 1])
        survived += not found
        told = "caught" if found else "SURVIVED"
        print(f"{number:2}  {BENDS[number - 1].name:38}{told:10}{time.perf_counter() - started:5.1f} s", flush=True)
    print(f"{len(chosen) - survived} of {len(chosen)} caught")
    sys.exit(bool(survived))


if __name__ == "__main__":
    main()

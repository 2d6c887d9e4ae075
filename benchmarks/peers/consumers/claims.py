"""What a consumer's script is told and tells: the texts that were exported, and one JSON line on standard output. Standard library only."""

import json
import sys
from pathlib import Path

FOLDER = Path(sys.argv[1])
MODEL = sys.argv[2] if len(sys.argv) > 2 else ""
KNOWN: dict[str, tuple[set, set]] = {}
"""{query: (its positives, its negatives)}, read back by Hardneg from the run all files were exported from; two queries may be one text."""

for query, positives, negatives in json.loads((FOLDER / "known.json").read_text()):
    sides = KNOWN.setdefault(query, (set(), set()))
    sides[0].update(positives), sides[1].update(negatives)


def one_line(text):
    """A text as it stands in a file of tab-separated values."""
    return " ".join(text.replace("\r", " ").replace("\n", " ").replace("\t", " ").split(" "))


def check(query, positives, negatives, shown=lambda text: text):
    """Stop if the consumer made a passage a positive or a negative that was not exported as one. shown: how it changes texts."""
    right = [{shown(text) for text in side} for side in KNOWN[query]]
    for passages, side, name in ((positives, right[0], "positive"), (negatives, right[1], "negative")):
        for text in passages:
            assert text in side, f"{text[:80]!r} is no {name} of {query!r}"


LINES = {one_line(query): sides for query, sides in KNOWN.items()}


def tell(**found):
    """The result, for the caller."""
    print(f"\nRESULT {json.dumps(found)}", flush=True)

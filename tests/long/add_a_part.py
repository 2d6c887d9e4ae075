"""What a part of one's own costs: a toy filter, sampler, format and source are added to a copy of the package, and a run uses all four.

    python tests/long/add_a_part.py

Counted: files written, lines in them, lines changed elsewhere.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]

FILTER = '''"""Drop every other candidate."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from miner.types import Bools, Candidates


@dataclass(frozen=True)
class Every:
    """Keep the first of every `nth`."""

    nth: int = 2
    needs: ClassVar[tuple[str, ...]] = ()
    estimates_relevance: ClassVar[bool] = False
    relax: ClassVar[bool] = False

    def __call__(self, candidates: Candidates) -> Bools:
        """Return shape (B, K): True = keep."""
        return np.broadcast_to(np.arange(candidates.rows.shape[1]) % self.nth == 0, candidates.rows.shape)
'''

SAMPLER = '''"""Take the easiest that were kept."""

from dataclasses import dataclass
from typing import ClassVar

from miner.types import Bools, Candidates, Noise, Priority


@dataclass(frozen=True)
class Easiest:
    """Priority = minus the score."""

    needs: ClassVar[tuple[str, ...]] = ()

    def __call__(self, candidates: Candidates, keep: Bools, noise: Noise) -> Priority:
        """Return shape (B, K): higher is taken first."""
        return -candidates.scores.astype("float64")
'''

FORMAT = '''"""`short`: q, p, n."""

from miner.formats.row_format import Format, anchors


def write(dataset, negatives, columns):
    """One row for every negative."""
    for query, positives, found in anchors(dataset, negatives, columns):
        for positive in positives:
            yield from ({"q": query.text, "p": positive.text, "n": negative.text} for negative in found)


def read(row):
    """The positive, then the negative."""
    return row.training(row.text("q"), (row.text("p"), row.text("n")), (1, 0))


SHORT = Format(write, read, knows=lambda row: set(row) == {"q", "p", "n"})
'''

SOURCE = '''"""Candidates that share letters with the query."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from miner.sources.dense import distinct
from miner.types import SearchResult


class Letters:
    """The share of letters in common."""

    scale = similarity = "letters"
    passages = None

    def __init__(self, dataset):
        self.passage_rows, self.position = distinct(dataset.corpus)
        sets = [[frozenset(t) for t in side.texts(range(len(side)))] for side in (dataset.queries, dataset.corpus)]
        self._shares = np.array([[len(q & p) / len(q | p) for p in sets[1]] for q in sets[0]], dtype=np.float32)

    def retrieve(self, queries, depth):
        """All passages, best first, ties by id."""
        shares = self._shares[queries][:, self.passage_rows]
        order = np.argsort(-shares, axis=1, kind="stable")[:, :depth]
        return SearchResult(self.passage_rows[order], np.take_along_axis(shares, order, axis=1))

    def score(self, queries, rows):
        """Scores of given passages."""
        return np.where(rows < 0, np.nan, self._shares[queries[:, None], rows]).astype(np.float32)

    def above(self, queries, bar):
        """Not known."""
        return np.zeros(len(queries))

    def describe(self):
        """For the manifest."""
        return [{"source": "letters"}]


@dataclass(frozen=True)
class LettersPart:
    """It has no knobs."""

    encodes: ClassVar[bool] = False

    def settings(self):
        """It encodes nothing."""
        return {}

    def open(self, dataset, vectors, work, index):
        """Nothing to index."""
        return Letters(dataset)
'''

PARTS = {
    "filter": ("filters/every.py", FILTER, "filters/__init__.py", "from miner.filters.every import Every", 'FILTERS["every"] = Every'),
    "sampler": (
        "samplers/easiest.py",
        SAMPLER,
        "samplers/__init__.py",
        "from miner.samplers.easiest import Easiest",
        'SAMPLERS["easiest"] = Easiest',
    ),
    "format": ("formats/short.py", FORMAT, "formats/table.py", "from miner.formats.short import SHORT", 'FORMATS["short"] = SHORT'),
    "source": (
        "sources/letters.py",
        SOURCE,
        "sources/__init__.py",
        "from miner.sources.letters import LettersPart",
        'SOURCES["letters"] = LettersPart',
    ),
}

USE = """
from miner import MiningConfig, mine
from miner.read import read_inline
words = "alpha beta gamma delta epsilon zeta eta theta".split() * 3
passages = [{"id": f"p{i}", "text": f"{word} number {i}"} for i, word in enumerate(words)]
queries = [{"id": f"q{i}", "text": f"what is {i}", "positives": [f"p{i}"]} for i in range(5)]
bare = ("near_positive:off", "nearest:off")
given = {"sources": ("letters",), "filters": ("every:nth=3", *bare), "sampler": "easiest", "output_format": "short"}
run = mine(read_inline(queries, passages), MiningConfig.of(**given))
rows = list(run.rows())
assert rows and set(rows[0]) == {"q", "p", "n"}, rows[:1]
assert run.report["counts"]["dropped"]["every"] > 0
print(f"a run with all four wrote {len(rows)} rows; the manifest says {run.config.filters[-1]}, {run.config.sampler}, {run.config.sources}")
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "miner"
        shutil.copytree(ROOT / "miner", copy, ignore=shutil.ignore_patterns("__pycache__"))
        for kind, (path, text, table, import_line, entry) in PARTS.items():
            (copy / path).write_text(text, encoding="utf-8")
            (copy / table).write_text((copy / table).read_text(encoding="utf-8") + f"\n{import_line}\n{entry}\n", encoding="utf-8")
            code = sum(bool(line.strip()) for line in text.splitlines())
            print(f"{kind:<8} 1 file of {code} lines ({path}), 2 lines in 1 other file ({table}: the import, the entry)")
        subprocess.run(
            [sys.executable, "-c", USE], cwd=folder, check=True, env={"PYTHONPATH": folder, "HF_HUB_OFFLINE": "1", "HOME": folder}
        )


if __name__ == "__main__":
    main()

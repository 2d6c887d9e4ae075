"""Pairs a second of a cross-encoder as a judge, against sentence-transformers' `CrossEncoder.predict` query by query and in one flat call.

    python -m benchmarks.speed.judge --model FOLDER [--data FOLDER] [--queries 40] [--candidates 50] [--runs 3] [--out FILE]

All three score the same pairs in this process, in turn; the ratio is of the medians. The judge's own part is measured without its store.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.inputs import arguments, data_folder
from benchmarks.record import record
from miner import read_beir
from miner.config import Runtime
from miner.judges.cross_encoder import load_cross_encoder
from miner.judges.judge_parts import CrossEncoderPart


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--queries", type=int, default=40)
    parser.add_argument("--candidates", type=int, default=50)
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    judge = load_cross_encoder(CrossEncoderPart(model=args.model), Runtime.of())
    with data_folder(args.data) as folder:
        queries, passages = pairs(read_beir(folder), args.queries, args.candidates)
    ways: dict[str, Callable[[], Any]] = {
        "judge": lambda: judge.score(queries, passages),
        "query by query": lambda: by_query(judge.model, queries, passages, args.candidates),
        "one flat call": lambda: judge.model.predict(list(zip(queries, passages, strict=True)), show_progress_bar=False),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    judge.score(queries[:8], passages[:8])
    for _ in range(args.runs):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    difference = float(np.abs(np.asarray(ways["judge"]()) - np.asarray(ways["one flat call"]())).max())
    result = {
        "pairs": len(queries),
        "pairs a second": {name: round(len(queries) / value, 2) for name, value in medians.items()},
        "judge against query by query": round(medians["query by query"] / medians["judge"], 3),
        "judge against one flat call": round(medians["one flat call"] / medians["judge"], 3),
        "seconds": {name: [round(value, 3) for value in values] for name, values in seconds.items()},
        "largest difference of a score": difference,
    }
    print(*(f"{name}: {value}" for name, value in result.items()), sep="\n")
    record(result, args.out)


def pairs(dataset: Any, queries: int, candidates: int) -> tuple[list[str], list[str]]:
    """Texts of pairs: the first queries, each with as many passages drawn for it."""
    draw = np.random.default_rng(0)
    texts = dataset.queries.texts(np.arange(queries))
    rows = draw.integers(0, len(dataset.corpus), (queries, candidates))
    passages = dataset.corpus.texts(rows.ravel())
    return [text for text in texts for _ in range(candidates)], list(passages)


def by_query(model: Any, queries: Sequence[str], passages: Sequence[str], candidates: int) -> None:
    """One call a query, as mining scripts do."""
    for start in range(0, len(queries), candidates):
        piece = slice(start, start + candidates)
        model.predict(list(zip(queries[piece], passages[piece], strict=True)), show_progress_bar=False)


if __name__ == "__main__":
    main()

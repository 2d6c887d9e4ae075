"""False negatives of our default against sentence-transformers' defaults, where hidden positives are known.

    python -m benchmarks.quality.false_negatives [--seeds 5] [--out FILE]

The demo's set (docstrings of Python's standard library) with its packaged all-MiniLM-L6-v2. For every seed another one of each query's
positives is shown and the others are hidden; both miners see the same shown positives and the same corpus. The rate is taken over
queries with a hidden positive; the interval is a bootstrap over queries, seeds pooled.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np

from benchmarks.inputs import arguments, data_folder, model_folder
from benchmarks.record import record
from miner import Inputs, MiningConfig, mine
from miner.config import Runtime
from miner.encode import Encoder, load_encoder


def positives(folder: Path) -> dict[str, list[str]]:
    """All positives of every query."""
    found = defaultdict(list)
    for line in (folder / "all.tsv").read_text().splitlines()[1:]:
        query, passage, _ = line.split("\t")
        found[query].append(passage)
    return found


def show_one(known: dict[str, list[str]], seed: int) -> dict[str, str]:
    """One shown positive of each query, drawn by a hash."""

    def draw(query: str, passage: str) -> bytes:
        return hashlib.sha256(f"{seed}|{query}|{passage}".encode()).digest()

    return {query: min(passages, key=lambda passage: draw(query, passage)) for query, passages in known.items()}


def ours(folder: Path, shown: dict[str, str], encoder: Encoder) -> tuple[dict[str, list[str]], float]:
    """Negatives by query, and the share of rows that are full."""
    qrels = folder / "shown.tsv"
    qrels.write_text("query-id\tcorpus-id\tscore\n" + "".join(f"{q}\t{p}\t1\n" for q, p in shown.items()))
    inputs = Inputs.of(corpus=str(folder / "corpus.jsonl"), queries=str(folder / "queries.jsonl"), qrels=(str(qrels),))
    run = mine(inputs, MiningConfig.of(columns=("ids",)), model=encoder)
    chosen = defaultdict(list)
    for row in run.rows():
        chosen[row["anchor_id"]].append(row["negative_id"])
    return chosen, run.report["coverage"]["all"]


def peer(folder: Path, shown: dict[str, str], encoder: Encoder, cache: Path) -> dict[str, list[str]]:
    """The same from sentence-transformers, with its defaults; its texts are matched back to ids."""
    from datasets import Dataset
    from sentence_transformers.util import mine_hard_negatives

    corpus = {row["_id"]: row["text"] for row in map(json.loads, (folder / "corpus.jsonl").open())}
    queries = {row["_id"]: row["text"] for row in map(json.loads, (folder / "queries.jsonl").open())}
    ids, asked = {text: name for name, text in corpus.items()}, {text: name for name, text in queries.items()}
    pairs = Dataset.from_dict({"anchor": [queries[q] for q in shown], "positive": [corpus[p] for p in shown.values()]})
    mined = mine_hard_negatives(pairs, encoder.model, corpus=list(corpus.values()), use_faiss=True, verbose=False, cache_folder=str(cache))
    chosen = defaultdict(list)
    for row in mined:
        chosen[asked[row["anchor"]]].append(ids[row["negative"]])
    return chosen


def wrong(chosen: dict[str, list[str]], known: dict[str, list[str]], shown: dict[str, str]) -> dict[str, tuple[int, int]]:
    """(false, all) negatives of every query that has hidden positives."""
    return {
        query: (sum(passage in passages and passage != shown[query] for passage in chosen[query]), len(chosen[query]))
        for query, passages in known.items()
        if len(passages) > 1
    }


def rate(counts: list[dict[str, tuple[int, int]]]) -> dict[str, float | list[float]]:
    """Pooled rate with a 95 % bootstrap interval over queries."""
    names = sorted(counts[0])
    table = np.array([[seed[name] for name in names] for seed in counts], dtype=np.float64)
    draw = np.random.default_rng(0)
    drawn = [table[:, draw.integers(len(names), size=len(names))].sum(axis=(0, 1)) for _ in range(2000)]
    shares = [false / total for false, total in drawn]
    false, total = table.sum(axis=(0, 1))
    interval = [round(float(value), 4) for value in np.quantile(shares, [0.025, 0.975])]
    return {"rate": round(float(false / total), 4), "interval": interval, "by_seed": by_seed(counts)}


def by_seed(counts: list[dict[str, tuple[int, int]]]) -> list[float]:
    """The rate of each seed."""
    return [round(sum(false for false, _ in seed.values()) / sum(total for _, total in seed.values()), 4) for seed in counts]


def main() -> None:
    parser = arguments(__doc__, data=False, model=False)
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    encoder = load_encoder(MiningConfig.of(model=model_folder(None)), Runtime.of())
    counts: dict[str, list[dict[str, tuple[int, int]]]] = {"ours": [], "peer": []}
    full = []
    with tempfile.TemporaryDirectory() as work, data_folder(None) as folder:
        known = positives(folder)
        for seed in range(given.seeds):
            shown = show_one(known, seed)
            chosen, share = ours(folder, shown, encoder)
            full.append(share)
            counts["ours"].append(wrong(chosen, known, shown))
            counts["peer"].append(wrong(peer(folder, shown, encoder, Path(work) / "peer"), known, shown))
            print(seed, {who: rate(each[-1:])["rate"] for who, each in counts.items()}, f"full rows {share:.3f}", flush=True)
    rates = {who: rate(each) for who, each in counts.items()}
    ratios = [round(b / a, 2) for a, b in zip(by_seed(counts["ours"]), by_seed(counts["peer"]), strict=True)]
    record({**rates, "ratio_by_seed": ratios, "rows_full": min(full)}, given.out)


if __name__ == "__main__":
    main()

"""The second run over unchanged input: ours against sentence-transformers' mine_hard_negatives without and with its cache, in one call.

    python -m benchmarks.speed.second_run [--data FOLDER] [--model FOLDER] [--passages N] [--queries N] [--runs 3] [--out FILE]

The model is loaded once and everybody is run once before; then the second runs follow in turn, `--runs` times. Each goes from the files
to a training file, with its defaults (sentence-transformers with the corpus and use_faiss; its run without a cache encodes everything
again, once). `drop-in` is our function under its name, with a cache folder. Seconds are of the wall, and of the processors together,
which a busy machine disturbs less. --passages keeps the judged passages of the first queries, and the first others. Where nothing is
encoded it does not matter how much of a text is read: --length 16 gives the same second runs sooner, and a wrong time without a cache.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.inputs import add_piece, arguments, model_folder, names, piece
from benchmarks.record import record

os.environ.setdefault("HF_HUB_OFFLINE", "1")


def read(folder: Path, split: str) -> tuple[Any, list[str]]:
    """Pairs and corpus as sentence-transformers wants them."""
    from datasets import Dataset

    with (folder / "corpus.jsonl").open(encoding="utf-8") as lines:
        corpus = {row["_id"]: f"{row.get('title') or ''} {row['text']}".strip() for row in map(json.loads, lines)}
    with (folder / "queries.jsonl").open(encoding="utf-8") as lines:
        queries = {row["_id"]: row["text"] for row in map(json.loads, lines)}
    judged = [line.split("\t")[:2] for line in (folder / "qrels" / f"{split}.tsv").read_text(encoding="utf-8").splitlines()[1:]]
    pairs = Dataset.from_dict({"anchor": [queries[q] for q, _ in judged], "positive": [corpus[p] for _, p in judged]})
    return pairs, list(corpus.values())


def runners(folder: Path, model: str, split: str, work: Path, length: int | None) -> dict[str, Callable[[], int]]:
    """What is timed, by name: each makes a training file and returns its rows."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.util import mine_hard_negatives as original

    from miner import Inputs, MiningConfig, Runtime, mine
    from miner.compat import mine_hard_negatives

    loaded = SentenceTransformer(model, local_files_only=True)
    if length:
        loaded.max_seq_length = length
    config, runtime = MiningConfig.of(model=model), Runtime.of(cache=work / "cache")

    def ours() -> int:
        run = mine(Inputs.of(data=str(folder), split=(split,)), config, out=work / "ours.jsonl", model=loaded, runtime=runtime, force=True)
        return int(run.report["rows_written"])

    def peer(function: Callable[..., Any], name: str, cache: Path | None) -> int:
        pairs, corpus = read(folder, split)
        mined = function(pairs, loaded, corpus=corpus, use_faiss=True, verbose=False, cache_folder=str(cache) if cache else None)
        mined.to_json(work / f"{name}.jsonl")
        return len(mined)

    return {
        "peer without cache": lambda: peer(original, "plain", None),
        "peer with cache": lambda: peer(original, "cached", work / "peer"),
        "drop-in with cache": lambda: peer(mine_hard_negatives, "dropin", work / "dropin"),
        "ours": ours,
    }


def timed(run: Callable[[], int]) -> dict[str, float]:
    """Wall and processor seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    rows = run()
    return {"seconds": round(time.perf_counter() - wall, 3), "processor": round(time.process_time() - processor, 3), "rows": rows}


def main() -> None:
    parser = arguments(__doc__)
    add_piece(parser)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument(
        "--length", type=int, help="tokens read of each text: with a cache nothing is encoded, so a short one tells the same sooner"
    )
    given = parser.parse_args()
    found: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as work, piece(given) as folder:
        made = runners(folder, model_folder(given.model), given.split, Path(work), given.length)
        for name in ("peer with cache", "drop-in with cache", "ours"):  # the first runs; the plain one has nothing to keep
            print("first:", name, timed(made[name]), flush=True)
        for turn in range(given.runs):
            for name, run in made.items():
                if turn == 0 or name != "peer without cache":
                    found.setdefault(name, []).append(timed(run))
                    print(turn + 1, name, found[name][-1], flush=True)
        pairs, corpus = read(folder, given.split)
    about = {**names(given.data, given.model), "length": given.length, "pairs": len(pairs), "passages": len(corpus)}
    record({**about, "ratios": ratios(found), "second runs": found}, given.out)


def ratios(found: dict[str, list[dict[str, float]]]) -> dict[str, float]:
    """Ratios of the medians."""
    return {
        f"{peer} / {name}, {unit}": round(
            statistics.median(r[unit] for r in found[peer]) / statistics.median(r[unit] for r in found[name]), 2
        )
        for peer in ("peer without cache", "peer with cache")
        for name in ("drop-in with cache", "ours")
        for unit in ("seconds", "processor")
    }


if __name__ == "__main__":
    main()

"""Time and memory of the whole job against sentence-transformers' mine_hard_negatives(use_faiss=True), in turn, in one call.

    python benchmarks/compare.py --data FOLDER --model FOLDER [--runs 3] [--how default] [--out results/NAME.json]

Each run is a process of its own: load the model and encode one text (the baseline), then from the files to the training file.
Memory is the largest resident set above that baseline; `anonymous` leaves out pages of memory-mapped files, which the system may drop
at any time. Our embedding store is empty at the start of every run. sentence-transformers gets its defaults, and the corpus.
--how: `default`, our own settings, which judge 200 candidates of a query where the peer looks at a dozen; `same-rule`, its rule at its
depth (preset st-compat); `drop-in`, its very function by our import, in memory as it works itself.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path


class Peak(threading.Thread):
    """Samples this process' memory."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.base, self.peak = self.now(), {"resident": 0, "anonymous": 0}
        self.start()

    @staticmethod
    def now() -> dict[str, int]:
        lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
        return {"resident": int(lines["VmRSS"].split()[0]), "anonymous": int(lines["RssAnon"].split()[0])}

    def run(self) -> None:
        while True:
            now = self.now()
            self.peak = {name: max(self.peak[name], now[name]) for name in now}
            time.sleep(0.02)

    def extra(self) -> dict[str, float]:
        return {f"{name}_mb": round((self.peak[name] - self.base[name]) / 1024, 1) for name in self.base}


def settings(how: str, data: str, split: str) -> dict[str, object]:
    """Of our own run: none, or the peer's rule and as many candidates as it retrieves: 3 and twice the most positives of a query."""
    if how == "default":
        return {}
    lines = (Path(data) / "qrels" / f"{split}.tsv").read_text().splitlines()[1:]
    depth = 3 + 2 * max(Counter(line.split("\t", 1)[0] for line in lines).values())
    return {"preset": "st-compat", "depth": depth, "max_depth": depth}


def ours(data: str, model: str, split: str, work: Path, how: str) -> dict[str, object]:
    from miner import Inputs, MiningConfig, Runtime, mine
    from miner.encode import load_encoder
    from miner.indexes import tune_blas

    tune_blas()
    config, runtime = MiningConfig.of(model=model, **settings(how, data, split)), Runtime.of(cache=work / "cache")
    encoder = load_encoder(config, runtime)
    encoder.encode(["warm up"], "query")
    import faiss  # noqa: F401 - the peer's baseline holds it too
    import pyarrow.parquet  # noqa: F401

    peak, started = Peak(), time.perf_counter()
    run = mine(Inputs.of(data=data, split=(split,)), config, out=work / "triplets.jsonl", model=encoder, runtime=runtime)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, **peak.extra(), "rows": run.report["rows_written"], "stages": run.manifest["timings"]}


def peer(data: str, model: str, split: str, work: Path, *, drop_in: bool = False) -> dict[str, object]:
    import faiss  # noqa: F401 - loaded before the baseline, as ours
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer

    if drop_in:
        from miner.compat import mine_hard_negatives
    else:
        from sentence_transformers.util import mine_hard_negatives

    loaded = SentenceTransformer(model, local_files_only=True)
    loaded.encode(["warm up"])
    peak, started = Peak(), time.perf_counter()
    folder = Path(data)
    with (folder / "corpus.jsonl").open() as lines:
        corpus = {row["_id"]: f"{row.get('title') or ''} {row['text']}".strip() for row in map(json.loads, lines)}
    with (folder / "queries.jsonl").open() as lines:
        queries = {row["_id"]: row["text"] for row in map(json.loads, lines)}
    judged = [line.split("\t")[:2] for line in (folder / "qrels" / f"{split}.tsv").read_text().splitlines()[1:]]
    pairs = Dataset.from_dict({"anchor": [queries[q] for q, _ in judged], "positive": [corpus[p] for _, p in judged]})
    read = time.perf_counter()
    mined = mine_hard_negatives(pairs, loaded, corpus=list(corpus.values()), use_faiss=True, verbose=False)
    done = time.perf_counter()
    mined.to_json(work / "triplets.jsonl")
    stages = {"read": read - started, "mine": done - read, "write": time.perf_counter() - done}
    return {"seconds": time.perf_counter() - started, **peak.extra(), "rows": len(mined), "stages": stages}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--split", default="train")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--how", choices=["default", "same-rule", "drop-in"], default="default")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", choices=["ours", "peer"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.only:
        with tempfile.TemporaryDirectory() as work:
            what = (given.data, given.model, given.split, Path(work))
            theirs = given.only == "peer" or given.how == "drop-in"
            result = peer(*what, drop_in=given.only == "ours") if theirs else ours(*what, given.how)
        print("RESULT", json.dumps(result))
        return
    results: dict[str, list[dict[str, float]]] = {"ours": [], "peer": []}
    for turn in range(given.runs):
        for who in ("ours", "peer") if turn % 2 == 0 else ("peer", "ours"):
            results[who].append(_run(who, given))
            print(f"{turn + 1} {who:<5} {json.dumps(results[who][-1])}", flush=True)
    told = _told(results, given)
    print(json.dumps(told["ratios"], indent=1))
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(told, indent=1) + "\n")


def _run(who: str, given: argparse.Namespace) -> dict[str, float]:
    command = [
        sys.executable,
        __file__,
        "--only",
        who,
        "--data",
        given.data,
        "--model",
        given.model,
        "--split",
        given.split,
        "--how",
        given.how,
    ]
    environ = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environ, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT ")), None)
    if line is None:
        sys.exit(done.stderr[-2000:])
    result: dict[str, float] = json.loads(line.removeprefix("RESULT "))
    return result


def _told(results: dict[str, list[dict[str, float]]], given: argparse.Namespace) -> dict[str, object]:
    ratios = {}
    for name in ("seconds", "resident_mb", "anonymous_mb"):
        pairs = [a[name] / b[name] for a, b in zip(results["peer"], results["ours"], strict=True)]
        ratios[f"peer / ours, {name}"] = {"median": round(statistics.median(pairs), 2), "all": [round(value, 2) for value in pairs]}
    machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()}
    return {
        "how": given.how,
        "data": Path(given.data).name,
        "model": Path(given.model).name,
        "machine": machine,
        "ratios": ratios,
        **results,
    }


if __name__ == "__main__":
    main()

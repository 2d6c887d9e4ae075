"""Time and memory of the whole job against sentence-transformers' mine_hard_negatives(use_faiss=True), in turn, in one call.

    python -m benchmarks.speed.compare [--data FOLDER] [--model FOLDER] [--passages N] [--queries N] [--runs 3] [--how default] [--out FILE]

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
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from benchmarks.inputs import add_piece, arguments, model_folder, names, piece
from benchmarks.record import ROOT, record


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
    from sentence_transformers.util import mine_hard_negatives as original

    from miner.compat import mine_hard_negatives

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
    mined = (mine_hard_negatives if drop_in else original)(pairs, loaded, corpus=list(corpus.values()), use_faiss=True, verbose=False)
    done = time.perf_counter()
    mined.to_json(work / "triplets.jsonl")
    stages = {"read": read - started, "mine": done - read, "write": time.perf_counter() - done}
    return {"seconds": time.perf_counter() - started, **peak.extra(), "rows": len(mined), "stages": stages}


def main() -> None:
    parser = arguments(__doc__)
    add_piece(parser)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--how", choices=["default", "same-rule", "drop-in"], default="default")
    parser.add_argument("--only", choices=["ours", "peer"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.only:
        with tempfile.TemporaryDirectory() as work:
            what = (str(given.data), model_folder(given.model), given.split, Path(work))
            theirs = given.only == "peer" or given.how == "drop-in"
            result = peer(*what, drop_in=given.only == "ours") if theirs else ours(*what, given.how)
        print("RESULT", json.dumps(result))
        return
    runs: dict[str, list[dict[str, float]]] = {"ours": [], "peer": []}
    with piece(given) as data:
        for turn in range(given.runs):
            for who in ("ours", "peer") if turn % 2 == 0 else ("peer", "ours"):
                runs[who].append(_run(who, given, data))
                print(f"{turn + 1} {who:<5} {json.dumps(runs[who][-1])}", flush=True)
    size = {"passages": given.passages or "all", "queries": given.queries or "all"}
    record({"how": given.how, **names(given.data, given.model), **size, "ratios": ratios(runs), **runs}, given.out)


def _run(who: str, given: argparse.Namespace, data: Path) -> dict[str, float]:
    """Run one side in a process of its own."""
    settings = [
        f"--only={who}",
        f"--data={data.resolve()}",
        f"--model={model_folder(given.model)}",
        f"--split={given.split}",
        f"--how={given.how}",
    ]
    command = [sys.executable, "-m", "benchmarks.speed.compare", *settings]
    environ = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environ, cwd=ROOT, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT ")), None)
    if line is None:
        sys.exit(done.stderr[-2000:])
    result: dict[str, float] = json.loads(line.removeprefix("RESULT "))
    return result


def ratios(runs: dict[str, list[dict[str, float]]]) -> dict[str, dict[str, object]]:
    """Return the peer's time and memory over ours, of each turn."""
    compared: dict[str, dict[str, object]] = {}
    for name in ("seconds", "resident_mb", "anonymous_mb"):
        pairs = [a[name] / b[name] for a, b in zip(runs["peer"], runs["ours"], strict=True)]
        compared[f"peer / ours, {name}"] = {"median": round(statistics.median(pairs), 2), "all": [round(value, 2) for value in pairs]}
    return compared


if __name__ == "__main__":
    main()

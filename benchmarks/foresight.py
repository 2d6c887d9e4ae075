"""What `mine --dry-run` foresees against what the run then takes: time, memory, disk, candidates, rows.

    python benchmarks/foresight.py --data FOLDER --model FOLDER [--split train] [--passages N] [--queries N] [--out results/NAME.json]

Each in a process of its own, with an empty store; seconds are of the whole process less the interpreter's start and imports (those of
`hardneg mine --help`), memory is its peak. Ratios are foreseen / taken. --passages, --queries: a piece of the data, as in second_run.py.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from second_run import subset

ROOT = Path(__file__).parents[1]


def run(*words: str) -> tuple[bytes, float, int]:
    """Standard output, seconds and peak memory in bytes of one `hardneg` process."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]), "HF_HUB_OFFLINE": "1"}
    began = time.perf_counter()
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen([sys.executable, "-m", "hardneg", *words], env=environ, stdout=told)
        _, status, used = os.wait4(process.pid, 0)
        took = time.perf_counter() - began
        assert status == 0, f"{words} ended with {status}"
        told.seek(0)
        return told.read(), took, used.ru_maxrss * 1024


def size(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def compared(data: Path, model: str, split: str, work: Path) -> dict[str, Any]:
    """Foreseen and taken, and the ratios."""
    command = ["mine", f"--data={data}", f"--split={split}", f"--model={model}", f"--out={work / 'run'}", "--quiet"]
    _, nothing, _ = run("mine", "--help")
    told, pilot, _ = run(*command, f"--cache={work / 'pilot'}", "--dry-run", "--json")
    guess = json.loads(told)["estimate"]
    _, took, memory = run(*command, f"--cache={work / 'cache'}")
    manifest, report = (json.loads((work / "run" / f"{name}.json").read_bytes()) for name in ("manifest", "report"))
    foreseen = {
        "seconds": guess["seconds"]["all"],
        "memory": guess["memory_bytes"],
        "disk": guess["disk_bytes"]["run"] + guess["disk_bytes"]["store"],
        "candidates": guess["candidates"],
        "deepened": guess["queries_deepened_at_least"],
        "rows": guess["rows"],
    }
    taken = {
        "seconds": round(took - nothing, 2),
        "memory": memory,
        "disk": size(work / "run") + size(work / "cache"),
        "candidates": report["counts"]["judged"],
        "deepened": manifest["retrieval"]["queries_deepened"],
        "rows": manifest["counts"]["rows"],
    }
    ratios = {name: round(foreseen[name] / taken[name], 2) for name in taken if taken[name]}
    stages = {name: [guess["seconds"].get(name), value] for name, value in manifest["timings"].items()}
    return {"ratios": ratios, "pilot_seconds": round(pilot - nothing, 2), "foreseen": foreseen, "taken": taken, "stages": stages}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--split", default="train")
    parser.add_argument("--passages", type=int)
    parser.add_argument("--queries", type=int)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        data = given.data
        if given.passages or given.queries:
            data = subset(given.data, Path(work) / "data", given.split, given.passages, given.queries)
        told = compared(data, given.model, given.split, Path(work))
    machine = {"cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1), "python": platform.python_version()}
    told = {"data": given.data.name, "model": Path(given.model).name, "machine": machine, **told}
    print(json.dumps(told, indent=1))
    if given.out:
        given.out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""What `mine --dry-run` estimates against what the run then takes: time, memory, disk, candidates, rows.

    python -m benchmarks.speed.dry_run [--data FOLDER] [--model FOLDER] [--split train] [--passages N] [--queries N] [--out FILE]

Each in a process of its own, with an empty store; seconds are of the whole process less the interpreter's start and imports (those of
`hardneg mine --help`), memory is its peak. Ratios are estimated / taken. --passages, --queries: a piece of the data, as in second_run.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.inputs import add_piece, arguments, model_folder, names, piece
from benchmarks.record import ROOT, record


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
    """Estimated and taken, and the ratios."""
    command = ["mine", f"--data={data}", f"--split={split}", f"--model={model}", f"--out={work / 'run'}", "--quiet"]
    _, nothing, _ = run("mine", "--help")
    told, pilot, _ = run(*command, f"--cache={work / 'pilot'}", "--dry-run", "--json")
    guess = json.loads(told)["estimate"]
    _, took, memory = run(*command, f"--cache={work / 'cache'}")
    manifest, report = (json.loads((work / "run" / f"{name}.json").read_bytes()) for name in ("manifest", "report"))
    estimated = {
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
    ratios = {name: round(estimated[name] / taken[name], 2) for name in taken if taken[name]}
    stages = {name: [guess["seconds"].get(name), value] for name, value in manifest["timings"].items()}
    return {"ratios": ratios, "pilot_seconds": round(pilot - nothing, 2), "estimated": estimated, "taken": taken, "stages": stages}


def main() -> None:
    parser = arguments(__doc__)
    add_piece(parser)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as work, piece(given) as folder:
        measured = compared(folder, model_folder(given.model), given.split, Path(work))
    record({**names(given.data, given.model), **measured}, given.out)


if __name__ == "__main__":
    main()

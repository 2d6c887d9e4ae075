"""Results: a JSON file that names what made it, namely commit, command, date, versions, processor and cores."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from miner.doctor.machine import processor
from miner.runs.manifest import versions

ROOT = Path(__file__).parents[1]
UNKNOWN = "unknown"
OWN_OUTPUT = ":!benchmarks/results"
"""A result that was written a moment ago does not make the tree another one."""


def record(measured: Mapping[str, Any], out: Path | None, packages: Iterable[str] = ()) -> None:
    """Print a result with what made it, and write it where `out` names a file. packages: whose versions matter besides our own."""
    text = json.dumps({"made_with": made_with(packages), **measured}, indent=1)
    print(text)
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text + "\n", encoding="utf-8")


def made_with(packages: Iterable[str] = ()) -> dict[str, Any]:
    """Return the commit (dirty: with changes that are not in it), the command, the date, the machine and the versions."""
    return {
        **TREE,
        "command": command(sys.argv[1:]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
        "versions": versions() | {name: importlib.metadata.version(name) for name in packages},
    }


def command(words: Iterable[str]) -> str:
    """Return the command that runs this script with `words`; of an absolute path only the name is kept."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    script = ["-m", spec.name] if spec else [Path(sys.argv[0]).name]
    return shlex.join(["python", *script, *map(_without_folders, words)])


def _without_folders(word: str) -> str:
    """Return a word with the name alone of an absolute path, as in `--out=/a/b.json`."""
    option, sign, value = word.rpartition("=")
    return f"{option}{sign}{Path(value).name}" if Path(value).is_absolute() else word


def processor_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return the name with family and model, which tell generations of the same name apart."""
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.is_file() else []
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in reversed(lines))}
    numbers = [f"{name} {fields[key]}" for name, key in (("family", "cpu family"), ("model", "model")) if key in fields]
    return f"{processor()['name']} ({', '.join(numbers)})" if numbers else processor()["name"]


def tree(root: Path = ROOT) -> dict[str, str | bool]:
    """Return the commit of a working tree, and whether it holds changes; `unknown` where there is no git, or no repository."""
    commit, changes = _git(root, "rev-parse", "HEAD"), _git(root, "status", "--porcelain", "--", ".", OWN_OUTPUT)
    return {"commit": commit or UNKNOWN, "dirty": UNKNOWN if changes is None else bool(changes)}


def _git(root: Path, *words: str) -> str | None:
    """Return what git says; None where it fails."""
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


TREE = tree()
"""As it is when a script starts: that is the code that is measured."""

"""Schemathesis against a real server, all checks, all phases: python -m benchmarks.service.fuzz [--model FOLDER] --tools VENV

VENV is an environment of its own with schemathesis in it. Two runs: names of its own making, then the names of a file, a corpus and a job
that exist, so that bodies reach what lies behind the look-up. Every failure is printed; the exit code is 1 when there is one.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.inputs import arguments, model_folder
from benchmarks.record import record
from benchmarks.service.server import KEY, Server, serving

# A body can be right by its schema and still name no such part (422), be over the operator's limits (413), hold a file of no known kind
# (415), or come too late (412). Of several faults in a request the first that was noticed is told.
SETTINGS = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "401", "403", "404", "409", "412", "413", "415", "422", "429"]
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "409", "412", "413", "415", "416", "422", "429"]
"""


def main() -> None:
    parser = arguments(__doc__, data=False)
    parser.add_argument("--tools", type=Path, required=True)
    parser.add_argument("--examples", type=int, default=150, help="cases for each operation and phase")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    result: dict[str, Any] = {"schemathesis": run([given.tools / "bin" / "st", "--version"]).split()[-1], "seed": given.seed}
    answered: set[str] = set()
    for name in ("own names", "names that exist"):
        with serving(model_folder(given.model), HARDNEG_MAX_JOBS_WAITING="1000") as server, tempfile.TemporaryDirectory() as folder:
            server.until("/readyz")
            names = seeded(server) if name == "names that exist" else {}
            result[name] = fuzzed(server, given, names, Path(folder))
            answered |= succeeded(server)
            result[name] |= {
                "tracebacks": (server.folder / "server.log").read_text().count("Traceback"),
                "alive": server.process.poll() is None,
            }
    result["cases"] = sum(result[name]["cases"] for name in ("own names", "names that exist"))
    result["operations_that_succeeded"] = len(answered)
    record(result, given.out, ["uvicorn", "fastapi"])
    sys.exit(any(result[name]["failures"] or result[name]["tracebacks"] for name in ("own names", "names that exist")))


def seeded(server: Server) -> dict[str, str]:
    """A file, a corpus of it, and a job over it that succeeded: their names by path parameter."""
    rows = "".join(
        json.dumps({"_id": f"p{i}", "query": f"the question {i}", "text": f"an answer {i % 7} to {i}"}) + "\n" for i in range(60)
    )
    file = server.upload("rows.jsonl", rows.encode())
    made = server.ask("POST", "/v1/corpora", {"name": "seeded", "files": [file], "fields": {}})[1]
    assert server.finished(made["versions"][0]["job"])["state"] == "succeeded"
    inputs = {"pairs": file, "fields": {"positive": "text"}}
    job = server.finished(server.ask("POST", "/v1/jobs", {"kind": "mine", "inputs": inputs})[1]["id"])
    assert job["state"] == "succeeded", job
    return {"file_id": file, "name": "seeded", "job_id": job["id"]}


def fuzzed(server: Server, given: argparse.Namespace, names: dict[str, str], folder: Path) -> dict[str, Any]:
    """What schemathesis says, in numbers."""
    lines = [f'"path.{name}" = "{value}"' for name, value in names.items()]
    (folder / "st.toml").write_text("\n".join(["[parameters]", *lines, SETTINGS]))
    words = [given.tools / "bin" / "st", "--config-file", folder / "st.toml", "run", f"http://127.0.0.1:{server.port}/openapi.json"]
    words += ["-H", f"Authorization: Bearer {KEY}", "-n", given.examples, "--seed", given.seed, "--checks", "all"]
    words += ["--continue-on-failure", "--request-timeout", "100", "--workers", "2", "--no-color"]
    if names:
        words += ["--exclude-method", "DELETE"]  # or they would exist for a moment only
    begun = time.monotonic()
    said = run(words)
    cases = re.search(r"([\d,]+) generated", said)
    unique = re.search(r"found (\d+) unique failures", said)
    if unique or cases is None:
        print(said, file=sys.stderr)
    return {
        "cases": int(cases[1].replace(",", "")) if cases else 0,
        "failures": int(unique[1]) if unique else 0 if cases else 1,
        "operations": re.search(r"Tested: (\d+)", said)[1] if cases else 0,  # type: ignore[index]
        "seconds": round(time.monotonic() - begun),
    }


def succeeded(server: Server) -> set[str]:
    """Method and route of whatever was answered 2xx."""
    told = server.ask("GET", "/metrics")[1].decode()
    found = re.findall(r'hardneg_http_requests_total{method="(\w+)",route="(/[^"]+)",status="2', told)
    return {f"{method} {route}" for method, route in found if route != "/openapi.json"}


def run(words: list[object]) -> str:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


if __name__ == "__main__":
    main()

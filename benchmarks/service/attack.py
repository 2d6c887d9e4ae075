"""Two attacks on a real server of our own: half requests that never end, and dry runs by the dozen. What of it /livez and /readyz notice.

    python -m benchmarks.service.attack [--model FOLDER] [--out FILE]

Sockets, dry runs and seconds are bounded; nothing but a server that this script has started on 127.0.0.1 is ever asked.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import resource
import selectors
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.inputs import arguments, model_folder
from benchmarks.record import record
from benchmarks.service.server import Server

HALF = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n"
MOST_SOCKETS, MOST_RUNS, MOST_SECONDS = 4000, 100, 120


class Limited(Server):
    """A server that may open so many files, as `ulimit -n` says it. files 0: as many as the system allows."""

    files = 0

    def run(self, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "hardneg", *words]
        limited = ["sh", "-c", f"ulimit -n {self.files} && exec " + '"$@"', "sh", *command] if self.files else command
        return subprocess.Popen(limited, env=self.environ, stderr=self._log)


def probe(port: int, stop: Any, out: Any) -> None:
    """Ask for health again and again, over a new connection each time; from a process of its own, so that only the server is measured."""
    found: dict[str, list[float]] = {"/livez": [], "/readyz": []}
    wrong: Counter[str] = Counter()
    while not stop.is_set():
        for path, seconds in found.items():
            began = time.perf_counter()
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=10) as one:
                    one.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
                    said = one.recv(15)
            except OSError as error:
                said = type(error).__name__.encode()
            seconds.append(time.perf_counter() - began)
            if not said.startswith(b"HTTP/1.1 200"):
                wrong[f"{path} {said.decode(errors='replace')}"] += 1
        stop.wait(0.01)
    out.send((found, dict(wrong)))


def watched(server: Server, call: Any) -> dict[str, Any]:
    """What the health checks see while `call` runs, and what the server writes to its log."""
    log = server.folder / "server.log"
    stop, (ours, theirs) = multiprocessing.Event(), multiprocessing.Pipe()
    before, prober = log.stat().st_size, multiprocessing.Process(target=probe, args=(server.port, stop, theirs))
    prober.start()
    began = time.monotonic()
    told = call()
    stop.set()
    times, wrong = ours.recv()
    prober.join()
    every = sorted(seconds for one in times.values() for seconds in one)
    cuts = {name: round(1000 * every[min(len(every) - 1, int(share * len(every)))], 1) for name, share in (("p50", 0.5), ("p99", 0.99))}
    health = {"asked": len(every), **cuts, "max": round(1000 * every[-1], 1), "not 200": wrong}
    return {"seconds": round(time.monotonic() - began, 1), "health_ms": health, "log_bytes": log.stat().st_size - before, **told}


def quiet(seconds: float) -> dict[str, Any]:
    """No attack."""
    time.sleep(seconds)
    return {}


def half_requests(port: int, sockets: int, seconds: float) -> dict[str, Any]:
    """Keep so many half requests open; one that is closed is opened anew."""
    chosen, opened, deadline = selectors.DefaultSelector(), 0, time.monotonic() + seconds
    most = 0
    while time.monotonic() < deadline:
        for _ in range(min(100, sockets - len(chosen.get_map()))):
            one = socket.socket()
            one.settimeout(2)
            try:
                one.connect(("127.0.0.1", port))
                one.sendall(HALF)
            except OSError:
                one.close()
                continue
            chosen.register(one, selectors.EVENT_READ)
            opened += 1
        most = max(most, len(chosen.get_map()))
        for key, _ in chosen.select(0.05):
            gone: Any = key.fileobj
            chosen.unregister(gone)
            gone.close()
    for key in list(chosen.get_map().values()):
        left: Any = key.fileobj
        left.close()
    return {"half_requests_at_once": most, "opened": opened}


def dry_runs(server: Server, body: dict[str, Any], count: int) -> dict[str, Any]:
    """All at once, each tried once."""
    statuses: Counter[int] = Counter()
    threads = [
        threading.Thread(target=lambda: statuses.update([server.ask("POST", "/v1/jobs?dry_run=true", body, timeout=300)[0]]))
        for _ in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"dry_runs": {str(status): n for status, n in sorted(statuses.items())}}


def sent(server: Server, passages: int) -> dict[str, Any]:
    """Files of made-up words, and the job that would mine them."""
    draw = random.Random(1)
    words = [f"w{number}" for number in range(5000)]
    texts = [" ".join(draw.choices(words, k=20)) for _ in range(passages)]
    corpus = b"".join(json.dumps({"_id": str(place), "text": text}).encode() + b"\n" for place, text in enumerate(texts))
    queries = b"".join(json.dumps({"_id": f"q{place}", "text": text[:30]}).encode() + b"\n" for place, text in enumerate(texts[::2]))
    qrels = b"query-id\tcorpus-id\tscore\n" + b"".join(f"q{place}\t{2 * place}\t1\n".encode() for place in range(len(texts[::2])))
    names = {"corpus": ("corpus.jsonl", corpus), "queries": ("queries.jsonl", queries), "qrels": ("qrels.tsv", qrels)}
    ids = {role: server.ask("POST", f"/v1/files?name={name}", raw=data)[1]["id"] for role, (name, data) in names.items()}
    return {"kind": "mine", "inputs": {**ids, "qrels": [ids["qrels"]]}}


def both(server: Server, body: dict[str, Any], given: argparse.Namespace) -> dict[str, Any]:
    """Both attacks at once."""
    told: dict[str, Any] = {}
    attack = threading.Thread(target=lambda: told.update(half_requests(server.port, given.sockets, given.seconds)))
    attack.start()
    told |= dry_runs(server, body, given.dry_runs)
    attack.join()
    return told


def measured(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Every attack, on a server with all files it may open, and half requests on one with few."""
    server = Server(model_folder(given.model), folder)
    try:
        server.until("/readyz")
        body = sent(server, given.passages)
        found = {
            "quiet": watched(server, lambda: quiet(min(5, given.seconds))),
            "half requests": watched(server, lambda: half_requests(server.port, given.sockets, given.seconds)),
            "dry runs": watched(server, lambda: dry_runs(server, body, given.dry_runs)),
            "both": watched(server, lambda: both(server, body, given)),
        }
    finally:
        server.process.terminate()
        server.process.wait(60)
    Limited.files = 256
    (folder / "few").mkdir()
    few = Limited(model_folder(given.model), folder / "few")
    try:
        few.until("/readyz")
        found["half requests, 256 files"] = watched(few, lambda: half_requests(few.port, given.sockets, given.seconds))
    finally:
        few.process.terminate()
        few.process.wait(60)
    return found


def main() -> None:
    asked = arguments(__doc__, data=False)
    asked.add_argument("--sockets", type=int, default=1000)
    asked.add_argument("--dry-runs", type=int, default=45)
    asked.add_argument("--seconds", type=float, default=30)
    asked.add_argument("--passages", type=int, default=60_000)
    given = asked.parse_args()
    if given.sockets > MOST_SOCKETS or given.dry_runs > MOST_RUNS or given.seconds > MOST_SECONDS:
        raise SystemExit(f"at most {MOST_SOCKETS} sockets, {MOST_RUNS} dry runs, {MOST_SECONDS} seconds")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, given.sockets + 200), hard), hard))
    with tempfile.TemporaryDirectory(prefix="hardneg-attack-") as folder:
        found = measured(given, Path(folder))
    record(found, given.out, ["uvicorn", "fastapi"])
    sys.exit(any(one["health_ms"]["not 200"] for one in found.values()))


if __name__ == "__main__":
    main()

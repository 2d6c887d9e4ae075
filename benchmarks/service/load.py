"""Load on one server: POST /v1/mine at a fixed rate (open loop), without and with a mining job; /readyz beside a job; 64 closed
connections.

python -m benchmarks.service.load [--data FOLDER] [--model FOLDER] --seconds 20
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.inputs import arguments, data_folder, model_folder, names
from benchmarks.record import record
from benchmarks.service.server import KEY, Server, bodies, open_loop, serving, told


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rate", type=float, default=50)
    given = parser.parse_args()
    with data_folder(given.data) as data, serving(model_folder(given.model)) as server:
        corpus = server.upload("corpus.jsonl", (data / "corpus.jsonl").read_bytes())
        made = server.ask("POST", "/v1/corpora", {"name": "bench", "files": [corpus]})[1]
        assert server.finished(made["versions"][0]["job"])["state"] == "succeeded"
        server.until("/readyz")
        asked = bodies(data, "bench", 6000)
        for body in asked[-20:]:
            assert server.ask("POST", "/v1/mine", body)[0] == 200
        found = measured(server, given, data, asked)
        record({**names(given.data, given.model), "passages": made_of(server), **found}, given.out, ["uvicorn", "fastapi"])
    sys.exit(any(status == "0" or status.startswith("5") for one in found.values() for status in one["statuses"]))


def made_of(server: Server) -> int:
    return int(server.ask("GET", "/v1/corpora/bench")[1]["passages"])


def beside(server: Server, call: Any) -> dict[str, Any]:
    """What was measured, with the load average of the machine before and after, and what a request cost the server in CPU time."""
    process, before = psutil.Process(server.process.pid), os.getloadavg()[0]
    begun = sum(process.cpu_times()[:2])
    found = call()
    spent = sum(process.cpu_times()[:2]) - begun
    load = [round(before, 1), round(os.getloadavg()[0], 1)]
    return {**found, "cpu_ms_per_request": round(1000 * spent / max(1, found["requests"]), 1), "load_average": load}


def measured(server: Server, given: argparse.Namespace, data: Path, asked: list[dict[str, Any]]) -> dict[str, Any]:
    # Each asks for queries of its own: the server remembers the vectors of the latest.
    third = len(asked) // 3
    first, second, others = asked[:third], asked[third : 2 * third], asked[2 * third :]

    def mine(some: list[dict[str, Any]]) -> Any:
        return lambda number: server.ask("POST", "/v1/mine", some[number % len(some)])[0]

    result = {
        "alone": beside(server, lambda: told(open_loop(mine(first), given.rate, given.seconds))),
        "closed": beside(server, lambda: closed(server, others, 64, given.seconds)),
    }
    files = {
        name: server.upload(path.name, path.read_bytes())
        for name, path in (("queries", data / "queries.jsonl"), ("qrels", data / "qrels" / "train.tsv"))
    }
    inputs = {"corpus": "bench", "queries": files["queries"], "qrels": [files["qrels"]]}
    with Jobs(server, inputs) as jobs:
        result["with a job"] = beside(server, lambda: told(open_loop(mine(second), given.rate, given.seconds)))
        result["with a job"]["share of the time a job ran"] = jobs.share()
        ready = lambda: told(open_loop(lambda _: server.ask("GET", "/readyz")[0], 100, given.seconds / 2))  # noqa: E731
        result["readyz with a job"] = beside(server, ready)
        result["readyz with a job"]["share of the time a job ran"] = jobs.share()
    return result


class Jobs(threading.Thread):
    """Keeps one mining job running, a new one when one is done; returns from `with` when the first one searches."""

    def __init__(self, server: Server, inputs: dict[str, Any]) -> None:
        super().__init__(daemon=True)
        self._server, self._inputs, self._seen = server, inputs, list[bool]()
        self._searching, self._enough = threading.Event(), threading.Event()

    def run(self) -> None:
        for seed in itertools.count():
            job = self._server.ask("POST", "/v1/jobs", {"kind": "mine", "inputs": self._inputs, "config": {"seed": seed}})[1]["id"]
            while not self._enough.wait(0.2):
                told = self._server.ask("GET", f"/v1/jobs/{job}")[1]
                self._seen.append(told["state"] == "running")
                if told["progress"]["stage"] in ("encode queries", "retrieve", "encode"):
                    self._searching.set()
                if told["state"] not in ("queued", "running"):
                    assert told["state"] == "succeeded", told
                    break
            if self._enough.is_set():
                self._server.ask("POST", f"/v1/jobs/{job}/cancel")
                return

    def share(self) -> float:
        """Of the looks since the last call, how many found a job running."""
        seen, self._seen = self._seen, []
        return round(sum(seen) / max(1, len(seen)), 2)

    def __enter__(self) -> Jobs:
        self.start()
        assert self._searching.wait(300), "no job began to search"
        self._seen = []
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self.join()


def closed(server: Server, asked: list[dict[str, Any]], connections: int, seconds: float) -> dict[str, Any]:
    """So many clients, each with a connection that stays, each of which asks again as soon as it was answered."""
    found: list[tuple[int, float]] = []
    sent = [json.dumps(body).encode() for body in asked]
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    deadline = time.perf_counter() + seconds

    def client(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        while (begin := time.perf_counter()) < deadline:
            number = (number + connections) % len(sent)
            connection.request("POST", "/v1/mine", sent[number], headers)
            answer = connection.getresponse()
            answer.read()
            found.append((answer.status, time.perf_counter() - begin))

    threads = [threading.Thread(target=client, args=(number,)) for number in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {**told(found), "per_second": round(len(found) / seconds, 1)}


if __name__ == "__main__":
    main()

"""Load on one server: POST /v1/mine at a fixed rate (open loop), without and with a mining job; /readyz beside a job; 64 closed
connections.

python benchmarks/service_load.py --data debian-en --model potion-base-8M --seconds 20
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import psutil
from service import KEY, Server, bodies, open_loop, serving, told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a BEIR folder")
    parser.add_argument("--model", required=True)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--out", type=Path, help="write the result there too")
    given = parser.parse_args()
    with serving(given.model) as server:
        corpus = server.upload("corpus.jsonl", (given.data / "corpus.jsonl").read_bytes())
        made = server.ask("POST", "/v1/corpora", {"name": "bench", "files": [corpus]})[1]
        assert server.finished(made["versions"][0]["job"])["state"] == "succeeded"
        server.until("/readyz")
        asked = bodies(given.data, "bench", 2000)
        for body in asked[:20]:
            assert server.ask("POST", "/v1/mine", body)[0] == 200
        result = json.dumps({"cores": os.cpu_count(), "passages": made_of(server), **measured(server, given, asked)}, indent=2)
    print(result)
    if given.out:
        given.out.write_text(result + "\n")


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


def measured(server: Server, given: argparse.Namespace, asked: list[dict[str, Any]]) -> dict[str, Any]:
    def mine(number: int) -> int:
        return server.ask("POST", "/v1/mine", asked[number % len(asked)])[0]

    result = {
        "alone": beside(server, lambda: told(open_loop(mine, given.rate, given.seconds))),
        "closed": beside(server, lambda: closed(server, asked, 64, given.seconds)),
    }
    files = {
        name: server.upload(path.name, path.read_bytes())
        for name, path in (("queries", given.data / "queries.jsonl"), ("qrels", given.data / "qrels" / "train.tsv"))
    }
    inputs = {"corpus": "bench", "queries": files["queries"], "qrels": [files["qrels"]]}
    job = server.ask("POST", "/v1/jobs", {"kind": "mine", "inputs": inputs})[1]["id"]
    while server.ask("GET", f"/v1/jobs/{job}")[1]["progress"]["stage"] not in ("encode queries", "retrieve", "encode"):
        time.sleep(0.1)
    result["with a job"] = beside(server, lambda: told(open_loop(mine, given.rate, given.seconds)))
    result["readyz with a job"] = beside(server, lambda: told(open_loop(lambda _: server.ask("GET", "/readyz")[0], 100, given.seconds / 2)))
    result["the job was"] = server.ask("GET", f"/v1/jobs/{job}")[1]["state"]
    server.ask("POST", f"/v1/jobs/{job}/cancel")
    return result


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

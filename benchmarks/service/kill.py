"""kill -9 of server, worker and child at random times, under load, for many rounds: nothing acknowledged is lost, every job ends with
the same bytes.

    python -m benchmarks.service.kill [--model FOLDER] --rounds 200

A server and a `hardneg worker` share a data folder. In each round clients send files and jobs and note what was acknowledged; then one of
the processes is killed and started again. At the end everything that was acknowledged is asked for, each key of idempotency is sent again,
and every training file is compared with one mined without a server.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
import tempfile
import threading
import time
from bisect import bisect
from pathlib import Path
from typing import Any

import psutil

from benchmarks.inputs import arguments, model_folder
from benchmarks.record import record
from benchmarks.service.server import Server

VICTIMS = ("server", "worker", "child")
Ledger = dict[str, dict[str, Any]]


def main() -> None:
    parser = arguments(__doc__, data=False)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--pairs", type=int, default=400)
    given = parser.parse_args()
    draw, begun = random.Random(1), time.monotonic()
    pairs, model = made_up(given.pairs, draw), model_folder(given.model)
    with tempfile.TemporaryDirectory(prefix="hardneg-kill-") as folder:
        right = expected(model, pairs, Path(folder))
        server = Server(model, Path(folder), HARDNEG_MAX_CRASHES="1000")
        hands = Hands(server)
        try:
            ledger, killed = rounds(hands, given.rounds, pairs, draw)
            result = {"rounds": given.rounds, "killed": killed.counts, **judged(server, ledger, killed, right)}
        finally:
            hands.end()
    record({**result, "minutes": round((time.monotonic() - begun) / 60, 1)}, given.out, ["uvicorn", "fastapi"])
    sys.exit(bool(result["files_lost"] or result["jobs_different"] or result["jobs_made_twice"]))


def made_up(count: int, draw: random.Random) -> bytes:
    words = [f"word{i}" for i in range(500)]
    rows = ({"query": " ".join(draw.choices(words, k=4)), "positive": " ".join(draw.choices(words, k=9))} for _ in range(count))
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


class Hands:
    """A server, a worker, and their children."""

    def __init__(self, server: Server) -> None:
        self.server, self.worker = server, server.run("worker")

    def kill(self, victim: str) -> bool:
        """kill -9, and start it again where nobody else does. False: there was no child to kill."""
        if victim == "server":
            self.server.kill()
            self.server.start()
        elif victim == "worker":
            self._kill_worker()
            self.worker = self.server.run("worker")
        else:
            mining = [child for one in (self.server.process, self.worker) for child in psutil.Process(one.pid).children()]
            for child in mining[:1]:
                child.kill()
            return bool(mining)
        return True

    def end(self) -> None:
        self.server.kill()
        self._kill_worker()

    def _kill_worker(self) -> None:
        self.worker.kill()
        self.worker.wait()


class Killed:
    """Who was killed, and when."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(VICTIMS, 0)
        self.at: list[float] = []

    def note(self, victim: str) -> None:
        self.counts[victim] += 1
        self.at.append(time.time())


def rounds(hands: Hands, count: int, pairs: bytes, draw: random.Random) -> tuple[Ledger, Killed]:
    """What was acknowledged: files by id with their hash, jobs by id with their key and body; and who was killed."""
    ledger: Ledger = {"files": {}, "jobs": {}}
    killed = Killed()
    for number in range(count):
        hands.server.until("/livez")
        stop = threading.Event()
        clients = [threading.Thread(target=client, args=(hands.server, ledger, pairs, number, place, stop)) for place in range(2)]
        for one in clients:
            one.start()
        time.sleep(draw.uniform(0.05, 2.0))
        victim = draw.choice(VICTIMS)
        if hands.kill(victim):
            killed.note(victim)
        stop.set()
        for one in clients:
            one.join()
        print(f"round {number + 1}: {victim}; {len(ledger['files'])} files, {len(ledger['jobs'])} jobs acknowledged", file=sys.stderr)
    return ledger, killed


def client(server: Server, ledger: Ledger, pairs: bytes, number: int, place: int, stop: threading.Event) -> None:
    turn = 0
    while not stop.is_set():
        content = f'{{"query": "q{number} {place} {turn}", "positive": "p"}}\n'.encode()
        status, told = server.ask("POST", "/v1/files?name=a.jsonl", raw=content, timeout=10)
        if status == 201:
            ledger["files"][told["id"]] = hashlib.sha256(content).hexdigest()
        if turn == 0 and place == 0:
            submit(server, ledger, pairs, f"round-{number}")
        turn += 1


def submit(server: Server, ledger: Ledger, pairs: bytes, key: str) -> None:
    status, file = server.ask("POST", "/v1/files?name=pairs.jsonl", raw=pairs, timeout=10)
    if status != 201:
        return
    body = {"kind": "mine", "inputs": {"pairs": file["id"]}}
    status, told = server.ask("POST", "/v1/jobs", body, timeout=10, headers={"Idempotency-Key": key})
    if status == 202:
        ledger["jobs"][told["id"]] = (key, body)


def judged(server: Server, ledger: Ledger, killed: Killed, right: str) -> dict[str, object]:
    server.until("/livez")
    lost = [name for name, sha256 in ledger["files"].items() if server.ask("GET", f"/v1/files/{name}")[1].get("sha256") != sha256]
    ended, different, twice, waits = [], [], [], []
    for job, (key, body) in ledger["jobs"].items():
        told = server.finished(job)
        ended.append(told["state"])
        waits += went_on(server, job, killed.at)
        twice += [job] if server.ask("POST", "/v1/jobs", body, headers={"Idempotency-Key": key})[1].get("id") != job else []
        if told["state"] == "succeeded":
            made = server.ask("GET", f"/v1/files/{told['result']['files']['training_file']}")[1]["sha256"]
            different += [job] if made != right else []
    return {
        "files": len(ledger["files"]),
        "files_lost": len(lost),
        "jobs": len(ended),
        "jobs_by_state": {state: ended.count(state) for state in set(ended)},
        "jobs_different": len(different),
        "jobs_made_twice": len(twice),
        "attempts_after_a_kill": len(waits),
        "seconds_until_they_began": {"median": waits[len(waits) // 2], "most": waits[-1]} if (waits := sorted(waits)) else None,
    }


def went_on(server: Server, job: str, kills: list[float]) -> list[float]:
    """Seconds from the latest kill to each further attempt at a job."""
    events = server.ask("GET", f"/v1/jobs/{job}/events")[1].decode()
    told = [json.loads(line.removeprefix("data: ")) for line in events.split("\n") if line.startswith("data: ")]
    again = [one["at"] for one in told if one.get("attempt", 1) > 1]
    return [round(at - kills[bisect(kills, at) - 1], 1) for at in again if bisect(kills, at)]


def expected(model: str, pairs: bytes, folder: Path) -> str:
    """Hash of the training file that the library writes."""
    from miner.config import Inputs, MiningConfig, Runtime
    from miner.runs.run import mine

    (folder / "pairs.jsonl").write_bytes(pairs)
    inputs, config = Inputs.of(pairs=str(folder / "pairs.jsonl")), MiningConfig.of(model=model)
    made = mine(inputs, config, out=folder / "right", runtime=Runtime.of(cache=folder / "c"))
    return hashlib.sha256(made.file.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()

"""kill -9 of the server at random times, under load, for many rounds: nothing acknowledged is lost, every job ends with the same bytes.

    python benchmarks/service_kill.py --rounds 200

In each round clients send files, keys of idempotency and jobs and note what was acknowledged; then the server is killed and started
again. At the end everything that was acknowledged is asked for, and every training file is compared with one mined without a server.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

from service import Server


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--model", required=True, help="a model folder; a static one keeps the rounds short")
    parser.add_argument("--pairs", type=int, default=400)
    given = parser.parse_args()
    draw = random.Random(1)
    words = [f"word{i}" for i in range(500)]
    pairs = "".join(
        json.dumps({"query": " ".join(draw.choices(words, k=4)), "positive": " ".join(draw.choices(words, k=9))}) + "\n"
        for _ in range(given.pairs)
    ).encode()
    with tempfile.TemporaryDirectory(prefix="hardneg-kill-") as folder:
        server = Server(given.model, Path(folder), HARDNEG_MAX_CRASHES="1000")
        try:
            ledger = rounds(server, given.rounds, pairs, draw)
            print(json.dumps(judged(server, ledger, expected(given.model, pairs, Path(folder))), indent=2))
        finally:
            server.kill()


def rounds(server: Server, count: int, pairs: bytes, draw: random.Random) -> dict[str, dict[str, str]]:
    """What was acknowledged: files by id with their hash, jobs by id with their key."""
    ledger: dict[str, dict[str, str]] = {"files": {}, "jobs": {}}
    for number in range(count):
        server.until("/livez")
        stop = threading.Event()
        clients = [threading.Thread(target=client, args=(server, ledger, pairs, number, place, stop)) for place in range(2)]
        for one in clients:
            one.start()
        time.sleep(draw.uniform(0.05, 2.0))
        server.kill()
        stop.set()
        for one in clients:
            one.join()
        server.start()
        print(f"round {number + 1}: {len(ledger['files'])} files, {len(ledger['jobs'])} jobs acknowledged", file=sys.stderr)
    return ledger


def client(server: Server, ledger: dict[str, dict[str, str]], pairs: bytes, number: int, place: int, stop: threading.Event) -> None:
    for turn in range(1000):
        if stop.is_set():
            return
        content = f'{{"query": "q{number} {place} {turn}", "positive": "p"}}\n'.encode()
        status, told = server.ask("POST", "/v1/files?name=a.jsonl", raw=content, timeout=10)
        if status == 201:
            ledger["files"][told["id"]] = hashlib.sha256(content).hexdigest()
        if turn == 0 and place == 0:
            status, file = server.ask("POST", "/v1/files?name=pairs.jsonl", raw=pairs, timeout=10)
            body = {"kind": "mine", "inputs": {"pairs": file["id"]}} if status == 201 else None
            key = f"round-{number}"
            status, told = server.ask("POST", "/v1/jobs", body, timeout=10, **{"Idempotency-Key": key}) if body else (0, None)
            if status == 202:
                ledger["jobs"][told["id"]] = key


def judged(server: Server, ledger: dict[str, dict[str, str]], right: str) -> dict[str, object]:
    server.until("/livez")
    lost = [name for name, sha256 in ledger["files"].items() if server.ask("GET", f"/v1/files/{name}")[1].get("sha256") != sha256]
    ended, different = [], []
    for job in ledger["jobs"]:
        told = server.finished(job)
        ended.append(told["state"])
        if told["state"] == "succeeded":
            made = server.ask("GET", f"/v1/files/{told['result']['files']['training_file']}")[1]["sha256"]
            different += [job] if made != right else []
    counted = {state: ended.count(state) for state in set(ended)}
    return {
        "files": len(ledger["files"]),
        "files_lost": len(lost),
        "jobs": len(ended),
        "jobs_by_state": counted,
        "jobs_different": len(different),
    }


def expected(model: str, pairs: bytes, folder: Path) -> str:
    """Hash of the training file that the library writes."""
    from miner.config import Inputs, MiningConfig, Runtime
    from miner.run import mine

    (folder / "pairs.jsonl").write_bytes(pairs)
    made = mine(
        Inputs.of(pairs=str(folder / "pairs.jsonl")),
        MiningConfig.of(model=model),
        out=folder / "right",
        runtime=Runtime.of(cache=folder / "c"),
    )
    return hashlib.sha256(made.file.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()

"""What the service's benchmarks share: a real `hardneg serve` on loopback, requests with times, the data they use.

A server's settings come from here alone; nothing but 127.0.0.1 is ever asked.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.record import ROOT

KEY = "a-key-for-benchmarks"


class Server:
    """One server, started, killed, started again on the same data folder."""

    def __init__(self, model: str, folder: Path, **settings: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder, self._log = folder, (folder / "server.log").open("ab")
        ours = {
            "HARDNEG_MODEL": model,
            "HARDNEG_API_KEY": KEY,
            "HARDNEG_CACHE": str(folder / "cache"),
            "HARDNEG_DATA_DIR": str(folder / "data"),
        }
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HARDNEG_")}
        self.environ = {**clean, **ours, **settings, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
        self.start()

    def start(self) -> None:
        """Begin; `until` waits for its answer."""
        self.process = self.run("serve", "--port", str(self.port))

    def run(self, *words: str) -> subprocess.Popen[bytes]:
        """Another process of `hardneg` with the same settings: a worker."""
        return subprocess.Popen([sys.executable, "-m", "hardneg", *words], env=self.environ, stderr=self._log)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        timeout: float = 60,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """(status, what was said); status 0: no answer."""
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        media = {} if body is None else {"Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, data, {"Authorization": f"Bearer {KEY}", **media, **(headers or {})})
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            return 0, None
        finally:
            connection.close()
        try:
            return answer.status, json.loads(content)
        except ValueError:
            return answer.status, content

    def until(self, path: str, seconds: float = 300) -> None:
        """Wait until a path is answered 200."""
        deadline = time.monotonic() + seconds
        while self.ask("GET", path, timeout=5)[0] != 200:
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise SystemExit(f"{path} is not answered; see {self.folder / 'server.log'}")
            time.sleep(0.1)

    def upload(self, name: str, content: bytes) -> str:
        """A file's id."""
        status, told = self.ask("POST", f"/v1/files?name={name}", raw=content)
        assert status == 201, told
        return str(told["id"])

    def finished(self, job: str) -> Any:
        """The job when it has ended."""
        while True:
            status, told = self.ask("GET", f"/v1/jobs/{job}?wait=10")
            if status == 200 and told["state"] not in ("queued", "running", "cancelling"):
                return told

    def memory(self) -> int:
        """Resident bytes of the server."""
        import psutil

        return int(psutil.Process(self.process.pid).memory_info().rss)

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()


@contextmanager
def serving(model: str, **settings: str) -> Iterator[Server]:
    """A server in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="hardneg-bench-") as folder:
        server = Server(model, Path(folder), **settings)
        try:
            server.until("/livez")
            yield server
        finally:
            server.kill()


def beir(folder: Path) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Queries by id, and the ids of their positives."""
    rows = (json.loads(line) for line in (folder / "queries.jsonl").open(encoding="utf-8"))
    queries = {row["_id"]: row["text"] for row in rows}
    positives: dict[str, list[str]] = {}
    for line in (folder / "qrels" / "train.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        query, passage, *_ = line.split("\t")
        if query in queries:
            positives.setdefault(query, []).append(passage)
    return queries, positives


def bodies(folder: Path, corpus: str, count: int) -> list[dict[str, Any]]:
    """Requests of one query each over a stored corpus."""
    queries, positives = beir(folder)
    chosen = random.Random(3).sample(sorted(positives), min(count, len(positives)))
    return [{"corpus": corpus, "queries": [{"id": one, "text": queries[one], "positives": positives[one]}]} for one in chosen]


def open_loop(call: Any, per_second: float, seconds: float) -> list[tuple[int, float]]:
    """(status, seconds) of calls that begin on time whatever became of those before; late beginnings count as waiting."""
    found: list[tuple[int, float]] = []
    count, begin, threads = int(per_second * seconds), time.perf_counter(), []

    def one(number: int, due: float) -> None:
        status = call(number)
        found.append((status, time.perf_counter() - due))

    for number in range(count):
        due = begin + number / per_second
        time.sleep(max(0.0, due - time.perf_counter()))
        thread = threading.Thread(target=one, args=(number, due))
        thread.start()
        threads.append(thread)
    for thread in threads:
        thread.join()
    return found


def told(found: list[tuple[int, float]]) -> dict[str, Any]:
    """Counts by status, and how long it took in milliseconds."""
    times = sorted(seconds for _, seconds in found)
    at = {f"p{share}": round(1000 * times[min(len(times) - 1, len(times) * share // 100)], 1) for share in (50, 90, 99)}
    statuses: dict[str, int] = {}
    for status, _ in found:
        statuses[str(status)] = statuses.get(str(status), 0) + 1
    return {"requests": len(found), "statuses": statuses, **at}

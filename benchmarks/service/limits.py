"""Where a service shows what it is worth: python -m benchmarks.service.limits [--model FOLDER]

Downloads that break, more jobs than there is room for, a disk that is full (a small tmpfs; needs root), every route without a key, with a
wrong one and with one that only reads, and names that try to leave the data folder, watched by strace. Exit code 1 when anything is wrong.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from app.cli.client import Client
from benchmarks.inputs import arguments, model_folder
from benchmarks.record import ROOT, record
from benchmarks.service.server import KEY, Server, serving

sys.path.insert(0, str(ROOT / "tests" / "app"))

from faulty_proxy import faulty_proxy

PAIRS = "".join(json.dumps({"query": f"question {i}", "positive": f"answer {i % 90} to {i}"}) + "\n" for i in range(300)).encode()


def main() -> None:
    parser = arguments(__doc__, data=False)
    given = parser.parse_args()
    result = {check.__name__: check(model_folder(given.model)) for check in (downloads, slots, full_disk, routes, names)}
    record(result, given.out, ["uvicorn", "fastapi"])
    sys.exit(any(one.get("wrong") for one in result.values()))


def downloads(model: str) -> dict[str, Any]:
    """Twenty, each broken once at a random place."""
    draw, content = random.Random(5), random.Random(6).randbytes(8_000_000)
    right, different = hashlib.sha256(content).hexdigest(), 0
    with serving(model) as server, tempfile.TemporaryDirectory() as folder, faulty_proxy(server.port) as (port, cuts):
        file, target = server.upload("a.parquet", content), Path(folder) / "a.parquet"
        for _ in range(20):
            cuts.append(draw.randrange(200, len(content)))
            Client(f"http://127.0.0.1:{port}", KEY).download(file, target)
            different += hashlib.sha256(target.read_bytes()).hexdigest() != right
            target.unlink()
        return {"downloads": 20, "not_broken": len(cuts), "wrong": different + len(cuts)}


def slots(model: str) -> dict[str, Any]:
    """Two hundred jobs at once, sixty-four slots, nobody at work."""
    with serving(model, HARDNEG_JOBS_AT_ONCE="0") as server:
        body = {"kind": "mine", "inputs": {"pairs": server.upload("pairs.jsonl", PAIRS)}}
        found: list[tuple[int, Any]] = []
        threads = [threading.Thread(target=lambda: found.append(server.ask("POST", "/v1/jobs", body))) for _ in range(200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        told = Counter(status for status, _ in found)
        kept = {job["id"] for job in server.ask("GET", "/v1/jobs?limit=1000")[1]["jobs"]}
        lost = {job["id"] for status, job in found if status == 202} ^ kept
        return {"statuses": dict(told), "lost": len(lost), "wrong": len(lost) + (told != {202: 64, 429: 136})}


def full_disk(model: str) -> dict[str, Any]:
    """A disk of 48 MB: uploads until it is full, then a job, then room again."""
    if os.geteuid() != 0:
        return {"skipped": "mounting a small disk needs root"}
    with small_disk() as disk, serving(model, HARDNEG_DATA_DIR=str(disk / "data"), HARDNEG_KEEP_FREE_BYTES="0") as server:
        server.until("/readyz")
        pairs = server.upload("pairs.jsonl", PAIRS)
        kept, statuses = filled(server)
        submitted = server.ask("POST", "/v1/jobs", {"kind": "mine", "inputs": {"pairs": pairs}})
        job = server.finished(submitted[1]["id"]) if submitted[0] == 202 else {"state": submitted[0]}
        torn = sum(server.ask("GET", f"/v1/files/{name}/content")[1] != content for name, content in kept.items())
        left = len(list((disk / "data" / "incoming").iterdir()))
        alive = server.ask("GET", "/livez")[0] == 200 and server.ask("GET", "/v1/files")[0] == 200
        for name in list(kept)[:2]:
            status, told = server.ask("DELETE", f"/v1/files/{name}")
            assert status == 204, (told, submitted, job)
        again = server.ask("POST", "/v1/files?name=a.parquet", raw=b"x" * 1_000_000)[0]
        ended = server.finished(server.ask("POST", "/v1/jobs", {"kind": "mine", "inputs": {"pairs": pairs}})[1]["id"])["state"]
        counts = {"uploads": dict(statuses), "job_on_a_full_disk": job["state"], "torn": torn, "left_behind": left, "alive": alive}
        good = set(statuses) == {201, 507} and alive and again == 201 and ended == "succeeded"
        return {**counts, "with_room_again": [again, ended], "wrong": torn + left + (not good)}


def filled(server: Server) -> tuple[dict[str, bytes], Counter[int]]:
    """Files of every size until none fits any more: what was acknowledged, and the statuses."""
    kept, draw, statuses = {}, random.Random(3), Counter[int]()
    for size in (9_000_000, 1_000_000, 100_000, 10_000, 4_000, 1):
        for _ in range(40):
            content = draw.randbytes(size)
            status, told = server.ask("POST", "/v1/files?name=a.parquet", raw=content)
            statuses[status] += 1
            if status != 201:
                break
            kept[told["id"]] = content
    return kept, statuses


@contextmanager
def small_disk() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hardneg-disk-") as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", folder], check=True)
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


def routes(model: str) -> dict[str, Any]:
    """Every route of the document with each kind of key."""
    from app.auth.keys import create
    from app.state import open_state

    with serving(model) as server:
        state = open_state(server.folder / "data")
        reading, writing = (create(state, scope, [scope])[1] for scope in ("read", "write"))
        state.close()
        server.until("/readyz")
        time.sleep(2.5)  # the server reads the keys again every second
        document, surprises, asked = server.ask("GET", "/openapi.json")[1], [], 0
        for path, methods in [*document["paths"].items(), ("/openapi.json", {"get": {}}), ("/nope", {"get": {}}), ("/", {"get": {}})]:
            for method in methods:
                for kind, key in {"none": "", "wrong": "hardneg_0_0", "reading": reading, "writing": writing}.items():
                    status = server.ask(
                        method.upper(), path.replace("{", "").replace("}", ""), timeout=5, headers={"Authorization": f"Bearer {key}"}
                    )[0]
                    asked += 1
                    surprises += [[method, path, kind, status]] if not expected(path, method, kind, status) else []
        return {"asked": asked, "surprises": surprises, "wrong": len(surprises)}


def expected(path: str, method: str, kind: str, status: int) -> bool:
    open_to_all = path in ("/livez", "/readyz") or (status in (200, 303, 307) and path in ("/", "/login")) or path.startswith("/static")
    if kind in ("none", "wrong"):
        return open_to_all or status in (401, 303)
    needs = "admin" if path.startswith("/v1/keys") else "read" if method in ("get", "head") else "write"
    refused = needs == "admin" or (needs == "write" and kind == "reading")
    return ((status == 403) == refused and status < 500) or path == "/readyz"


def names(model: str) -> dict[str, Any]:
    """Names that try to leave, in every place where a name goes, while strace looks on."""
    if shutil.which("strace") is None:
        return {"skipped": "strace is not installed"}
    from test_app_paths import STRINGS

    with serving(model) as server:
        server.until("/readyz")
        server.upload("warm.jsonl", PAIRS)
        log = server.folder / "opened"
        words = [
            "strace",
            "-f",
            "-qq",
            "-e",
            "trace=open,openat,creat,unlink,unlinkat,rename,renameat2,link,linkat",
            "-o",
            str(log),
            "-p",
            str(server.process.pid),
        ]
        watching = subprocess.Popen(words)
        time.sleep(2)
        told = Counter(status for string in STRINGS for status in strange(server, string))
        watching.terminate()
        watching.wait()
        opened = re.findall(r'\(.*?"((?:[^"\\]|\\.)*)"', log.read_text(errors="replace"))
        ours = (str(server.folder), sys.prefix, sys.base_prefix, "/proc/", "/sys/", "/dev/", "/usr/", "/lib", str(ROOT), "/etc/localtime")
        allowed = (*ours, str(Path(tempfile.gettempdir()) / "hardneg-"))
        outside = sorted(
            {path for path in opened if (path.startswith("/") and not path.startswith(allowed)) or ".." in path or "passwd" in path}
        )
        failures = sum(count for status, count in told.items() if status >= 500 or status == 0)
        counts = {"strings": len(STRINGS), "requests": told.total(), "paths_opened": len(opened)}
        return {**counts, "outside": outside[:20], "failures": failures, "wrong": len(outside) + failures}


def strange(server: Server, string: str) -> list[int]:
    name = quote(string, safe="%")
    paths = [f"/v1/{kind}/{name}" for kind in ("files", "jobs", "corpora")]
    paths += [f"/v1/files/{name}/content", f"/v1/jobs/{name}/results", f"/v1/files?after={name}"]
    bodies = {
        "/v1/jobs": {"kind": "mine", "inputs": {"pairs": string, "corpus": string}},
        "/v1/corpora": {"name": string, "files": [string]},
    }
    found = [server.ask("GET", path)[0] for path in paths]
    found += [server.ask("POST", path, body)[0] for path, body in bodies.items()]
    return [*found, server.ask("POST", f"/v1/files?name={name}", raw=b"{}")[0], server.ask("DELETE", f"/v1/files/{name}")[0]]


if __name__ == "__main__":
    main()

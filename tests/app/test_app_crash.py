"""kill -9 of the child, of the worker, of the server: nothing that was acknowledged is lost, the job goes on, the bytes are the same.

The long version is benchmarks/service/kill.py.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import orjson
import psutil
import pytest
from test_app_serve import ask

from app.auth.keys import ANYBODY
from app.jobs.stores import Stores
from app.requests.job_requests import JOB, submit
from app.settings import Settings
from miner.config import Inputs, MiningConfig, Runtime
from miner.runs.run import mine

pytestmark = pytest.mark.server

GOES_ON_WITHIN = 10.0
KEY = "a-key-of-these-tests"


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Enough to keep a process busy for a second or two."""
    draw, words = random.Random(5), [f"w{i:03}" for i in range(300)]
    rows = (
        {"query": " ".join(draw.choices(words, k=5)) + f" q{i}", "positive": " ".join(draw.choices(words, k=12)) + f" p{i}"}
        for i in range(1500)
    )
    path = tmp_path_factory.mktemp("pairs") / "pairs.jsonl"
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def expected(pairs, model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("expected")
    config, runtime = MiningConfig.of(model=model, depth=50), Runtime.of(cache=folder / "cache", device="cpu")
    return mine(Inputs.of(pairs=str(pairs)), config, out=folder / "run", runtime=runtime).file.read_bytes()


def clean_environ(**ours):
    return {**{name: value for name, value in os.environ.items() if not name.startswith("HARDNEG_")}, **ours}


@pytest.fixture(autouse=True)
def nobody_stays():
    """Whatever a test that failed has left running."""
    yield
    for process in psutil.Process().children(recursive=True):
        if "-m hardneg" in " ".join(process.cmdline()) and "worker" in process.cmdline():
            process.kill()


def start_worker(folder, model):
    environ = clean_environ(HARDNEG_DATA_DIR=str(folder / "data"), HARDNEG_CACHE=str(folder / "cache"), HARDNEG_MODEL=model)
    return subprocess.Popen([sys.executable, "-m", "hardneg", "worker"], env=environ, cwd=folder, stderr=subprocess.DEVNULL)


def until(condition, seconds=120.0):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def children(pid):
    return psutil.Process(pid).children()


def test_child_and_worker_are_killed(tmp_path, pairs, expected, model):
    stores = Stores(Settings.of(data_dir=tmp_path / "data", model=model, cache=tmp_path / "cache"))
    part = stores.files.begin()
    part.write(pairs.read_bytes())
    file = stores.files.finish(part, "pairs.jsonl", ".jsonl")
    body = {"kind": "mine", "inputs": {"pairs": file.id}, "config": {"depth": 50}}
    job = submit(JOB.validate_python(body), stores, ANYBODY, None)
    first = start_worker(tmp_path, model)
    until(lambda: stores.queue.get(job.id).stage)
    child = children(first.pid)[0]
    child.kill()
    until(lambda: stores.queue.get(job.id).attempts == 2 and stores.queue.get(job.id).state == "running")
    grandchild = until(lambda: children(first.pid))[0]
    first.kill()
    killed = time.time()
    second = start_worker(tmp_path, model)
    until(lambda: not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE, 5)
    until(lambda: stores.queue.get(job.id).final)
    ended = stores.queue.get(job.id)
    again = [event.at for event in stores.queue.events(job.id, 0) if event.data.get("attempt") == 3]
    second.send_signal(signal.SIGTERM)
    assert second.wait(20) == 0
    assert (ended.state, ended.attempts) == ("succeeded", 3)
    assert again[0] - killed <= GOES_ON_WITHIN
    assert stores.files.path(stores.files.get(ended.result["files"]["training_file"])).read_bytes() == expected
    assert not [path for path in (stores.state.jobs / job.id).iterdir() if path.name.endswith(".part")]
    stores.close()


def serve(start_server, folder, port, model):
    return start_server(
        "--port",
        port,
        cwd=folder,
        cold=True,
        HARDNEG_MODEL=model,
        HARDNEG_API_KEY=KEY,
        HARDNEG_DATA_DIR=str(folder / "data"),
        HARDNEG_CACHE=str(folder / "cache"),
    )


def fetch(port, path, body=None, **headers):
    """The bytes that the server answers with."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, {"Authorization": f"Bearer {KEY}", **headers})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()


def start_job(port, pairs):
    """Upload the pairs and submit a job that mines them; return the file and the job once it runs."""
    until(lambda: ask(port, "/livez")[0] == 200)
    file = json.loads(fetch(port, "/v1/files?name=pairs.jsonl", pairs.read_bytes()))
    job = ask(port, "/v1/jobs", {"kind": "mine", "inputs": {"pairs": file["id"]}, "config": {"depth": 50}}, key=KEY)[1]
    until(lambda: ask(port, f"/v1/jobs/{job['id']}", key=KEY)[1]["state"] == "running")
    return file, job


def start_of_attempt(port, job, attempt):
    """The second at which the job's events name the attempt first."""
    lines = fetch(port, f"/v1/jobs/{job['id']}/events", **{"Last-Event-ID": "1"}).decode().split("\n")
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    return next(event["at"] for event in events if event.get("attempt") == attempt)


def test_the_server_is_killed(start_server, free_port, tmp_path, pairs, expected, model):
    """Whatever it acknowledged is there when it is back: file, job, events with their numbers; and the job goes on."""
    process = serve(start_server, tmp_path, free_port, model)
    file, job = start_job(free_port, pairs)
    process.kill()
    process.communicate()
    killed = time.time()
    process = serve(start_server, tmp_path, free_port, model)
    until(lambda: ask(free_port, "/livez")[0] == 200)
    assert ask(free_port, f"/v1/files/{file['id']}", key=KEY)[1] == file
    ended = until(lambda: (job_now := ask(free_port, f"/v1/jobs/{job['id']}?wait=5", key=KEY)[1])["state"] == "succeeded" and job_now)
    assert start_of_attempt(free_port, job, 2) - killed <= GOES_ON_WITHIN + 5  # a new process has to begin first
    assert fetch(free_port, f"/v1/files/{ended['result']['files']['training_file']}/content") == expected
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=20)
    assert process.returncode in (0, 143), output
    assert Path(tmp_path / "data").exists()

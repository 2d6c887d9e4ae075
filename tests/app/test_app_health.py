"""Health waits for nobody: half requests and dry runs by the dozen, a thread pool that is used up, a drive or a database that is away."""

import asyncio
import inspect
import json
import logging
import socket
import threading
import time
import urllib.error
import urllib.request
from types import SimpleNamespace

import pytest
from test_app_guard import paths
from test_app_serve import ask

from app.engine.thread_pool import BoundedPool
from app.errors import NotReady
from app.logs import RateLimit
from miner.errors import StorageError

pytestmark = pytest.mark.server

HALF, COUNT = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n", 120


def tried(port, body):
    """The status of a dry run, which has to import the library first."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/jobs?dry_run=true", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=200) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_a_small_attack(start_server, model, texts, tmp_path, free_port):
    """More half requests than there may be connections, and twelve dry runs of which four may be: health is answered all the while."""
    limits = {
        "HARDNEG_MAX_CONNECTIONS": "40",
        "HARDNEG_DRY_RUNS_AT_ONCE": "1",
        "HARDNEG_DRY_RUNS_WAITING": "3",
        "HARDNEG_JOBS_AT_ONCE": "0",
    }
    places = {"HARDNEG_CACHE": str(tmp_path / "cache"), "HARDNEG_DATA_DIR": str(tmp_path / "data")}
    process = start_server("--port", free_port, "--model", model, cwd=tmp_path, **places, **limits)
    try:
        deadline = time.monotonic() + 60
        while ask(free_port, "/livez")[0] != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        rows = b'{"query": "w001", "positive": "w001 w002"}\n' * 2000
        with urllib.request.urlopen(f"http://127.0.0.1:{free_port}/v1/files?name=p.jsonl", rows) as answer:
            body = {"kind": "mine", "inputs": {"pairs": json.load(answer)["id"]}}
        statuses, times = [], []
        runs = [threading.Thread(target=lambda: statuses.append(tried(free_port, body))) for _ in range(12)]
        halves = [socket.create_connection(("127.0.0.1", free_port)) for _ in range(COUNT)]
        for one in halves:
            one.sendall(HALF)
        for one in runs:
            one.start()
        while any(one.is_alive() for one in runs) or len(times) < 20:
            began = time.monotonic()
            assert ask(free_port, "/livez")[0] == 200
            times.append(time.monotonic() - began)
        assert sorted(statuses) == [200] * 4 + [429] * 8
        assert max(times) < 5  # a tenth of a second where nobody else works
        assert process.log.stat().st_size < 20_000
    finally:
        process.kill()
        process.communicate()


def test_probes_need_no_thread(client_of):
    """Neither they nor what they depend on: a pool that is used up would hold them up. Nor does any other route for what waits for nothing."""
    app = client_of(ready=False, jobs_at_once=0).app
    flat = [route for top in app.routes for route in (top.original_router.routes if hasattr(top, "original_router") else [top])]
    for route in flat:
        calls = [one.call for one in getattr(getattr(route, "dependant", None), "dependencies", [])]
        assert all(inspect.iscoroutinefunction(call) for call in calls), route.path
        assert route.path not in ("/livez", "/readyz") or inspect.iscoroutinefunction(route.endpoint)
    assert ("/readyz", "get") in paths(app)


@pytest.fixture
def services(client_of):
    return client_of(jobs_at_once=0).app.state.services


def test_a_drive_that_does_not_answer_is_not_waited_for(services, monkeypatch):
    """For two seconds at most; there is one measurement under way, however many ask."""
    go, asked = threading.Event(), []
    monkeypatch.setattr("app.services.MAX_CHECK_SECONDS", 0.1)
    monkeypatch.setattr(services, "state", SimpleNamespace(free_bytes=lambda: asked.append(1) or (go.wait(20) and 2**40)), raising=True)
    services._checked_at = 0.0

    async def check():
        for _ in range(3):
            with pytest.raises(NotReady, match="does not answer"):
                await services.check()
        go.set()
        await asyncio.sleep(0.1)
        await services.check()

    asyncio.run(check())
    assert len(asked) == 2


def test_a_database_that_is_away_is_not_ready(services):
    services.database_error = StorageError("the database cannot be used")
    with pytest.raises(StorageError):
        asyncio.run(services.check())
    services.database_error = None
    asyncio.run(services.check())


def test_what_runs_or_waits_is_counted():
    async def count():
        workers, go = BoundedPool(1, 2, "dry runs"), threading.Event()
        calls = [asyncio.create_task(workers.run(go.wait)) for _ in range(2)]
        await asyncio.sleep(0.05)
        assert workers.in_use == 2
        go.set()
        await asyncio.gather(*calls)
        assert workers.in_use == 0
        workers.close()

    asyncio.run(count())


def test_the_log_takes_so_many_lines_a_minute():
    """Of one kind, and of the server below; ours are all written, and what was left out is counted."""
    moment = [0.0]
    rate_limit = RateLimit(lambda: moment[0])

    def written(name, count, **more):
        records = [logging.makeLogRecord({"name": name, "levelno": logging.WARNING, "msg": "x", **more}) for _ in range(count)]
        return [record for record in records if rate_limit.filter(record)]

    assert len(written("app.guard", 1000)) == 1000
    assert len(written("asyncio", 1000)) == 20
    assert len(written("app.guard", 1000, rate_limit="wrong key")) == 60
    moment[0] = 61.0
    assert [record.msg for record in written("asyncio", 1)] == ["x (980 such lines were left out)"]

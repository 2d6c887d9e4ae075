"""Queue and leases, the same on SQLite and on PostgreSQL: nothing is given to two, nobody who lost a job can write to it."""

import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
from sqlalchemy import text

from app.errors import Busy, Conflict, WrongFields
from app.jobs import leases as leases_module
from app.jobs.leases import Leases
from app.jobs.queue import Queue, Submission
from app.state import open_state


@pytest.fixture(params=["sqlite", "postgres"])
def state(request, tmp_path):
    """An empty data folder with either database."""
    address = request.getfixturevalue("postgres") if request.param == "postgres" else None
    opened = open_state(tmp_path / "data", address)
    with opened.database.write() as connection:
        for table in ("reviews", "job_events", "jobs", "files", "corpus_versions", "corpora", "api_keys"):
            connection.execute(text(f"DELETE FROM {table}"))
    yield opened
    opened.close()


@pytest.fixture
def queue(state):
    return Queue(state, max_waiting=20)


@pytest.fixture
def leases(state):
    return Leases(state, max_crashes=2)


NOTHING = {"queries": None, "pairs": None, "qrels": [], "corpus": None}


def asked(number=0, **more):
    return Submission("mine", {"kind": "mine", "number": number, "inputs": NOTHING, "corpus": None}, f"hash-{number}", "somebody", **more)


def together(count, call):
    """What `count` threads get from `call`; an exception is what it is."""
    found, go = [], threading.Barrier(count)

    def one(number):
        go.wait()
        try:
            found.append(call(number))
        except Exception as error:  # noqa: BLE001 - looked at by the test
            found.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_it_opens_again_with_what_it_held(state, queue):
    job = queue.submit(asked())
    assert Queue(state).get(job.id) == job
    assert (job.state, job.spec["number"]) == ("queued", 0)


def test_a_job_is_given_to_one(queue, leases):
    """Ten jobs, six who ask at the same time until there are none: each job once, the oldest first."""
    jobs = [queue.submit(asked(i)).id for i in range(10)]

    def work(number):
        mine = []
        while job := leases.fetch_job(f"w{number}"):
            mine.append(job.id)
        return mine

    claimed = together(6, work)
    assert sorted(job for mine in claimed for job in mine) == sorted(jobs)
    assert all(mine == sorted(mine) for mine in claimed)


def test_exactly_the_excess_is_refused(queue):
    found = [one for _ in range(2) for one in together(12, lambda number: queue.submit(asked(number)))]
    assert [isinstance(one, Busy) for one in found].count(True) == 4
    assert queue.counts()["queued"] == 20


def test_one_key_makes_one_job(queue):
    found = together(8, lambda _: queue.submit(asked(1, idempotency_key="k")))
    assert len({job.id for job in found}) == 1
    with pytest.raises(WrongFields):
        queue.submit(asked(2, idempotency_key="k"))


def test_an_idempotency_key_is_its_owners(queue):
    """Another client's request with the same one makes another job, and tells nothing of the first."""
    theirs = queue.submit(asked(1, idempotency_key="k"))
    ours = queue.submit(replace(asked(2, idempotency_key="k"), key_id="somebody else"))
    assert (theirs.spec["number"], ours.spec["number"]) == (1, 2)
    assert queue.submit(replace(asked(2, idempotency_key="k"), key_id="somebody else")).id == ours.id


def test_the_job_of_a_worker_that_died_is_claimed_at_once(state, queue, leases, monkeypatch):
    """Though its lease would last an hour; that of one that lives, of one elsewhere and of one nobody knows is not."""
    monkeypatch.setattr(leases_module, "LEASE_SECONDS", 3600.0)  # a busy machine may take longer than a usual lease to start a process
    here = socket.gethostname()
    names = {name: f"{here}:1:{name}" for name in ("dead", "alive", "unknown")} | {"elsewhere": "elsewhere:1:x"}
    mine = {name: (queue.submit(asked(i)).id, leases.fetch_job(worker))[0] for i, (name, worker) in enumerate(names.items())}
    (state.workers / names["elsewhere"]).touch()
    alive = leases.presence.register(names["alive"])
    code = "import sys, time; from pathlib import Path; from app.jobs.presence import Presence"
    words = f"{code}; held = Presence(Path(sys.argv[1])).register(sys.argv[2]); print(flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", words, state.workers, names["dead"]], stdout=subprocess.PIPE)
    process.stdout.readline()
    assert leases.fetch_job("other") is None
    process.kill()
    process.communicate()
    again = leases.fetch_job("other")
    assert (again.id, again.attempts, queue.get(mine["dead"]).crashes) == (mine["dead"], 2, 1)
    assert leases.fetch_job("other") is None
    assert sorted(path.name for path in state.workers.iterdir()) == sorted([names["alive"], names["elsewhere"]])
    alive.close()
    assert leases.fetch_job("other").id == mine["alive"]


def test_a_lapsed_lease_is_claimed_and_the_slow_one_is_fenced_off(queue, leases, monkeypatch):
    job = queue.submit(asked())
    monkeypatch.setattr(leases_module, "LEASE_SECONDS", -1)
    slow = leases.fetch_job("slow")
    quick = leases.fetch_job("quick")
    assert (slow.id, quick.id, quick.attempts, queue.get(job.id).crashes) == (job.id, job.id, 2, 1)
    assert leases.heartbeat(slow) is None
    assert not leases.finish_job(slow, "failed", error={"detail": "no"})
    leases.requeue(slow, crashed=True)
    assert queue.get(job.id).state == "running"
    assert leases.heartbeat(quick, stage="encode", done=1, total=2) == "running"
    assert leases.finish_job(quick, "succeeded", result={"x": 1})
    assert (queue.get(job.id).state, queue.get(job.id).result, queue.get(job.id).stage) == ("succeeded", {"x": 1}, "encode")
    assert leases.fetch_job("another") is None


def test_an_earlier_attempt_of_the_same_worker_is_fenced_off_too(queue, leases, monkeypatch):
    """The number of the attempt is the fence, not the name of the worker: a thread that hung may have been replaced in its own process."""
    job = queue.submit(asked())
    monkeypatch.setattr(leases_module, "LEASE_SECONDS", -1)
    first, second = leases.fetch_job("worker"), leases.fetch_job("worker")
    assert (first.attempts, second.attempts) == (1, 2)
    assert leases.heartbeat(first) is None
    assert not leases.finish_job(first, "failed", error={"detail": "no"})
    leases.requeue(first, crashed=True)
    assert (queue.get(job.id).state, queue.get(job.id).crashes) == ("running", 1)
    assert leases.finish_job(second, "succeeded", result={})


def test_too_many_deaths_are_a_crash_until_somebody_says_retry(queue, leases):
    job = queue.submit(asked())
    for _ in range(3):
        leases.requeue(leases.fetch_job("w"), crashed=True)
    ended = queue.get(job.id)
    assert (ended.state, ended.crashes) == ("crashed", 3)
    assert "died 3 times" in ended.error["detail"]
    assert leases.fetch_job("w") is None
    assert queue.retry(job.id).state == "queued"
    assert leases.fetch_job("w").id == job.id


def test_stopping_a_worker_is_no_crash(queue, leases):
    job = queue.submit(asked())
    for _ in range(9):
        leases.requeue(leases.fetch_job("w"), crashed=False)
    assert (queue.get(job.id).state, queue.get(job.id).crashes, queue.get(job.id).attempts) == ("queued", 0, 9)


def test_cancelling(queue, leases, monkeypatch):
    """A waiting job at once, a running one when its worker hears of it, or when its lease lapses."""
    waiting = queue.submit(asked())
    assert queue.cancel(waiting.id).state == "cancelled"
    for _ in range(2):
        running = queue.submit(asked())
        held = leases.fetch_job("w")
        assert queue.cancel(running.id).state == "cancelling"
        assert queue.cancel(running.id).state == "cancelling"
        assert leases.heartbeat(held) == "cancelling"
        leases.requeue(held, crashed=True)
        assert queue.get(running.id).state == "cancelled"
    monkeypatch.setattr(leases_module, "LEASE_SECONDS", -1)
    last = queue.submit(asked())
    leases.fetch_job("gone")
    queue.cancel(last.id)
    assert leases.fetch_job("w") is None
    assert queue.get(last.id).state == "cancelled"
    with pytest.raises(Conflict):
        queue.retry(queue.submit(asked()).id)


def test_what_is_written_with_the_end_is_written_with_it_or_not_at_all(state, queue, leases):
    queue.submit(asked())
    job = leases.fetch_job("w")

    def fails(connection, job):
        connection.execute(text("UPDATE jobs SET stage = 'half'"))
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        leases.finish_job(job, "succeeded", commit=fails)
    assert (queue.get(job.id).state, queue.get(job.id).stage) == ("running", None)


def test_events_are_numbered_and_progress_is_forgotten(queue, leases, monkeypatch):
    monkeypatch.setattr(leases_module, "MAX_PROGRESS_EVENTS", 3)
    queue.submit(asked())
    job = leases.fetch_job("w")
    for done in range(10):
        leases.heartbeat(job, stage="encode", done=done, total=10)
    leases.finish_job(job, "succeeded")
    events = queue.events(job.id, 0)
    assert [event.number for event in events] == [1, 2, 10, 11, 12, 13]
    assert [event.kind for event in events] == ["state"] * 2 + ["progress"] * 3 + ["state"]
    assert [event.number for event in queue.events(job.id, 11)] == [12, 13]


def test_leases_are_measured_by_the_database(state):
    with state.database.read() as connection:
        assert abs(state.database.clock(connection) - time.time()) < 5

"""What a job needs stays until it has ended: deletions name the job, a retry without it is refused; on SQLite and on PostgreSQL."""

import random
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import text
from test_app_queue import together

from app.auth.keys import ANYBODY
from app.errors import Conflict, Held, NotFound
from app.jobs.export import ExportJob
from app.jobs.job_kinds import KINDS
from app.jobs.mine import MineJob
from app.jobs.stores import Stock
from app.jobs.task import link
from app.requests import job_results
from app.requests.job_requests import append_to_corpus, create_corpus, submit
from app.schemas import CorpusAppend, CorpusRequest
from app.settings import Settings
from app.storage import files as files_module
from app.storage.job_output import Output
from app.storage.job_rows import ACTIVE, WAITING
from app.storage.needs import NEEDS, missing
from miner.errors import HardnegError

TABLES = ("reviews", "job_events", "jobs", "files", "corpus_versions", "corpora", "api_keys")


def opened(folder, database=None):
    return Stock(Settings.of(data_dir=Path(folder), database=database, model="m", max_jobs_waiting=50))


@pytest.fixture(params=["sqlite", "postgres"])
def stock(request, tmp_path):
    """An empty data folder with either database; nobody works on jobs."""
    made = opened(tmp_path / "data", request.getfixturevalue("postgres") if request.param == "postgres" else None)
    with made.state.database.write() as connection:
        for table in TABLES:
            connection.execute(text(f"DELETE FROM {table}"))
    yield made
    made.close()


def upload(stock):
    part = stock.files.begin()
    part.write(random.randbytes(20))
    return stock.files.finish(part, "a.jsonl", ".jsonl").id


def mine_job(stock, key=None, **inputs):
    return submit(MineJob(kind="mine", inputs=inputs), stock, ANYBODY, key)


def index_job(stock, name="c", key=None):
    return create_corpus(CorpusRequest(name=name, files=[upload(stock)]), stock, ANYBODY, key)


def succeed(stock, job=None):
    """What a worker does when the oldest job is done; a job that mines makes a file."""
    held = stock.leases.claim("w")
    assert job is None or held.id == job.id
    path = stock.state.jobs / held.id / "out.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(held.id.encode())
    output, result = Output("training_file", path.name, "out.jsonl", ".jsonl", files_module.Part(path).sha256), {}

    def commit(connection, job):
        KINDS[job.kind].commit(connection, job, {"passages": 1, "sha256": "0"}, stock)
        if job.kind != "index":
            result["files"] = {"training_file": stock.files.adopt(connection, path, output, job.id).id}

    assert stock.leases.end(held, "succeeded", result=result, commit=commit)
    return stock.queue.get(held.id)


def of_a_file(role):
    def make(stock):
        ids = {name: upload(stock) for name in ("queries", "corpus", "qrels", "pairs")}
        given = ("pairs", "corpus") if role == "pairs" else ("queries", "corpus", "qrels")
        inputs = {name: (ids[name],) if name == "qrels" else ids[name] for name in given}
        return mine_job(stock, **inputs), f"file {ids[role]}", lambda: stock.files.remove(ids[role])

    return make


def of_a_corpus(stock):
    succeed(stock, index_job(stock))
    job = mine_job(stock, pairs=upload(stock), corpus="c")
    return job, f"version 1 of corpus {job.spec['corpus']['id']}", lambda: stock.corpora.remove("c")


def of_a_version_being_built(stock):
    succeed(stock, index_job(stock))
    job = append_to_corpus("c", CorpusAppend(files=[upload(stock)]), stock, ANYBODY, None)
    return job, f"version 2 of corpus {job.spec['corpus']}", lambda: stock.corpora.remove("c")


def of_a_file_being_indexed(stock):
    job = index_job(stock)
    return job, f"file {job.spec['files'][0]}", lambda: stock.files.remove(job.spec["files"][0])


def of_another_job(stock):
    parent = (mine_job(stock, pairs=upload(stock)), succeed(stock))[1]
    return (
        submit(ExportJob(kind="export", job=parent.id), stock, ANYBODY, None),
        f"job {parent.id}",
        lambda: job_results.remove(stock, parent.id),
    )


def of_a_file_that_a_job_made(stock):
    parent = (mine_job(stock, pairs=upload(stock)), succeed(stock))[1]
    made = parent.result["files"]["training_file"]
    return mine_job(stock, pairs=made), f"file {made}", lambda: job_results.remove(stock, parent.id)


CASES = {
    **{role: of_a_file(role) for role in ("queries", "qrels", "corpus", "pairs")},
    **{
        case.__name__: case
        for case in (of_a_corpus, of_a_version_being_built, of_a_file_being_indexed, of_another_job, of_a_file_that_a_job_made)
    },
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("state", ["queued", "running", "cancelling"])
def test_what_a_job_needs_is_held_until_it_ends(case, state, stock):
    """The refusal names the job; what is gone afterwards is named to whoever wants to try the job again."""
    job, name, remove = CASES[case](stock)
    held = stock.leases.claim("w") if state != "queued" else None
    if state == "cancelling":
        stock.queue.cancel(job.id)
    with pytest.raises(Held, match=f"job {job.id}, which is {state}") as refused:
        remove()
    assert refused.value.jobs == [job.id]
    stock.queue.cancel(job.id)
    if held:
        stock.leases.give_back(held, crashed=True)
    assert stock.queue.get(job.id).state == "cancelled"
    remove()
    with pytest.raises(Conflict, match=name):
        stock.queue.retry(job.id)
    assert stock.queue.get(job.id).state == "cancelled"


@pytest.mark.parametrize("case", CASES)
def test_a_job_that_is_tried_again_holds_again(case, stock):
    job, _, remove = CASES[case](stock)
    stock.queue.cancel(job.id)
    assert stock.queue.retry(job.id).state == "queued"
    with pytest.raises(Held):
        remove()
    assert stock.leases.end(stock.leases.claim("w"), "failed", error={"detail": "no"})
    remove()


def test_a_file_that_a_corpus_is_made_of_stays(stock):
    """Also one that a job made, which would go with the job; not that of a version that failed."""
    parent = (mine_job(stock, pairs=upload(stock)), succeed(stock))[1]
    made = parent.result["files"]["training_file"]
    job = create_corpus(CorpusRequest(name="c", files=[made]), stock, ANYBODY, None)
    succeed(stock, job)
    with pytest.raises(Conflict, match="corpus c is made of this job"):
        job_results.remove(stock, parent.id)
    failed = append_to_corpus("c", CorpusAppend(files=[other := upload(stock)]), stock, ANYBODY, None)
    stock.queue.cancel(failed.id)
    stock.files.remove(other)
    stock.corpora.remove("c")
    job_results.remove(stock, parent.id)
    with pytest.raises(NotFound):
        stock.files.get(made)


def test_an_idempotency_key_of_a_corpus_that_was_deleted_makes_a_new_one(stock):
    wanted = CorpusRequest(name="c", files=[upload(stock)])
    first = create_corpus(wanted, stock, ANYBODY, "k")
    succeed(stock, first)
    assert create_corpus(wanted, stock, ANYBODY, "k").id == first.id
    stock.corpora.remove("c")
    again = create_corpus(wanted, stock, ANYBODY, "k")
    assert again.id != first.id
    assert stock.corpora.get(again.spec["corpus"]).versions[0].job_id == again.id


def test_a_key_that_was_seen_is_answered_whatever_has_become_of_the_rest(stock):
    """The files are gone, or the version that it asked for is being built."""
    file_id = upload(stock)
    job = mine_job(stock, "k", pairs=file_id)
    succeed(stock, job)
    stock.files.remove(file_id)
    assert mine_job(stock, "k", pairs=file_id).id == job.id
    succeed(stock, index_job(stock))
    wanted = CorpusAppend(files=[upload(stock)])
    first = append_to_corpus("c", wanted, stock, ANYBODY, "a")
    assert append_to_corpus("c", wanted, stock, ANYBODY, "a").id == first.id


def test_a_deletion_and_a_job_at_the_same_time(stock, monkeypatch):
    """One of the two is refused, in every order: the deletion looks around, and is slow to act."""
    slow = files_module.check_free
    monkeypatch.setattr(files_module, "check_free", lambda *what, **more: (slow(*what, **more), time.sleep(0.01)))
    for turn in range(20):
        file_id = upload(stock)

        def act(number, file_id=file_id, turn=turn):
            time.sleep(0.002 * (turn % 5) * (number == turn % 2))
            return mine_job(stock, pairs=file_id) if number else stock.files.remove(file_id)

        refused = [one for one in together(2, act) if isinstance(one, HardnegError)]
        assert len(refused) == 1, refused
        waiting = stock.leases.claim("w")
        assert isinstance(refused[0], NotFound if waiting is None else Held)
        if waiting:
            stock.leases.end(waiting, "failed", error={})


def storm(folder, database, seed):
    """Make and delete without pause, in four threads, until somebody ends it."""
    stock, draw = opened(folder, database or None), random.Random(seed)

    def work():
        while True:
            with suppress(HardnegError, AttributeError, IndexError):  # refused; nothing is queued; there is nothing to choose from
                draw.choice(ACTS)(stock, draw)

    for _ in range(4):
        threading.Thread(target=work).start()


def some_file(stock, draw):
    return draw.choice(stock.files.ls("", 100)).id


def some_job(stock, draw):
    return draw.choice(stock.queue.ls(None, None, "", 100)).id


def some_corpus(stock, draw):
    return draw.choice(stock.corpora.ls()).name


ACTS = (
    lambda stock, draw: upload(stock),
    lambda stock, draw: index_job(stock, f"c{draw.randrange(4)}"),
    lambda stock, draw: mine_job(stock, pairs=some_file(stock, draw), corpus=some_corpus(stock, draw)),
    lambda stock, draw: mine_job(stock, pairs=some_file(stock, draw)),
    lambda stock, draw: submit(ExportJob(kind="export", job=some_job(stock, draw)), stock, ANYBODY, None),
    lambda stock, draw: succeed(stock),
    lambda stock, draw: stock.files.remove(some_file(stock, draw)),
    lambda stock, draw: stock.corpora.remove(some_corpus(stock, draw)),
    lambda stock, draw: job_results.remove(stock, some_job(stock, draw)),
    lambda stock, draw: stock.queue.retry(some_job(stock, draw)),
    lambda stock, draw: stock.queue.cancel(some_job(stock, draw)),
)


def torn(stock):
    """What must never be: a job that waits for what is gone, a file without its bytes, a file of no job."""
    with stock.state.database.read() as connection:
        waiting = [job for job in stock.queue.ls(None, None, "", 1000) if job.state in (*WAITING, *ACTIVE)]
        yield from ((job.id, gone) for job in waiting if (gone := missing(connection, job)))
        yield from connection.execute(text("SELECT id FROM files WHERE job_id IS NOT NULL AND job_id NOT IN (SELECT id FROM jobs)")).all()
    yield from (file.id for file in stock.files.ls("", 10_000) if not stock.files.path(file).is_file())


def test_kill_9_in_a_storm_of_jobs_and_deletions(stock):
    """Two processes over one data folder; whenever they end, everything that waits has what it needs."""
    address = stock.settings.database.get_secret_value() if stock.settings.database else ""
    words = [sys.executable, "-c", "import sys; from test_app_needs import storm; storm(*sys.argv[1:])", stock.settings.data_dir, address]
    run = {"cwd": Path(__file__).parent, "stderr": subprocess.PIPE, "env": {"PYTHONPATH": ".:../.."}}
    both = [subprocess.Popen([*words, str(seed)], **run) for seed in range(2)]
    deadline = time.monotonic() + 60
    while not stock.queue.ls(None, None, "", 1) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    for process in both:
        process.kill()
    said = [process.communicate()[1] for process in both]
    assert stock.queue.ls(None, None, "", 1), said
    assert list(torn(stock)) == []


def test_a_dry_run_whose_file_is_deleted_meanwhile_says_so(tmp_path):
    with pytest.raises(NotFound, match="was deleted meanwhile"):
        link(tmp_path / "gone", tmp_path / "queries.jsonl")


def test_every_kind_says_what_it_needs():
    assert NEEDS.keys() == KINDS.keys() - {"plan"}  # which is answered at once

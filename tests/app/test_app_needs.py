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
from app.errors import Conflict, InUse, NotFound
from app.jobs.export import ExportJob
from app.jobs.job_kinds import KINDS
from app.jobs.mine import MineJob
from app.jobs.stores import Stores
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
    return Stores(Settings.of(data_dir=Path(folder), database=database, model="m", max_jobs_waiting=50))


@pytest.fixture(params=["sqlite", "postgres"])
def stores(request, tmp_path):
    """An empty data folder with either database; nobody works on jobs."""
    made = opened(tmp_path / "data", request.getfixturevalue("postgres") if request.param == "postgres" else None)
    with made.state.database.write() as connection:
        for table in TABLES:
            connection.execute(text(f"DELETE FROM {table}"))
    yield made
    made.close()


def upload(stores):
    part = stores.files.begin()
    part.write(random.randbytes(20))
    return stores.files.finish(part, "a.jsonl", ".jsonl").id


def mine_job(stores, key=None, **inputs):
    return submit(MineJob(kind="mine", inputs=inputs), stores, ANYBODY, key)


def index_job(stores, name="c", key=None):
    return create_corpus(CorpusRequest(name=name, files=[upload(stores)]), stores, ANYBODY, key)


def succeed(stores, job=None):
    """What a worker does when the oldest job is done; a job that mines makes a file."""
    held = stores.leases.fetch_job("w")
    assert job is None or held.id == job.id
    path = stores.state.jobs / held.id / "out.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(held.id.encode())
    output, result = Output("training_file", path.name, "out.jsonl", ".jsonl", files_module.Part(path).sha256), {}

    def commit(connection, job):
        KINDS[job.kind].commit(connection, job, {"passages": 1, "sha256": "0"}, stores)
        if job.kind != "index":
            result["files"] = {"training_file": stores.files.register(connection, path, output, job.id).id}

    assert stores.leases.finish_job(held, "succeeded", result=result, commit=commit)
    return stores.queue.get(held.id)


def of_a_file(role):
    def make(stores):
        ids = {name: upload(stores) for name in ("queries", "corpus", "qrels", "pairs")}
        given = ("pairs", "corpus") if role == "pairs" else ("queries", "corpus", "qrels")
        inputs = {name: (ids[name],) if name == "qrels" else ids[name] for name in given}
        return mine_job(stores, **inputs), f"file {ids[role]}", lambda: stores.files.remove(ids[role])

    return make


def of_a_corpus(stores):
    succeed(stores, index_job(stores))
    job = mine_job(stores, pairs=upload(stores), corpus="c")
    return job, f"version 1 of corpus {job.spec['corpus']['id']}", lambda: stores.corpora.remove("c")


def of_a_version_being_built(stores):
    succeed(stores, index_job(stores))
    job = append_to_corpus("c", CorpusAppend(files=[upload(stores)]), stores, ANYBODY, None)
    return job, f"version 2 of corpus {job.spec['corpus']}", lambda: stores.corpora.remove("c")


def of_a_file_being_indexed(stores):
    job = index_job(stores)
    return job, f"file {job.spec['files'][0]}", lambda: stores.files.remove(job.spec["files"][0])


def of_another_job(stores):
    parent = (mine_job(stores, pairs=upload(stores)), succeed(stores))[1]
    return (
        submit(ExportJob(kind="export", job=parent.id), stores, ANYBODY, None),
        f"job {parent.id}",
        lambda: job_results.remove(stores, parent.id),
    )


def of_a_file_that_a_job_made(stores):
    parent = (mine_job(stores, pairs=upload(stores)), succeed(stores))[1]
    made = parent.result["files"]["training_file"]
    return mine_job(stores, pairs=made), f"file {made}", lambda: job_results.remove(stores, parent.id)


CASES = {
    **{role: of_a_file(role) for role in ("queries", "qrels", "corpus", "pairs")},
    **{
        case.__name__: case
        for case in (of_a_corpus, of_a_version_being_built, of_a_file_being_indexed, of_another_job, of_a_file_that_a_job_made)
    },
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("state", ["queued", "running", "cancelling"])
def test_what_a_job_needs_is_held_until_it_ends(case, state, stores):
    """The refusal names the job; what is gone afterwards is named to whoever wants to try the job again."""
    job, name, remove = CASES[case](stores)
    held = stores.leases.fetch_job("w") if state != "queued" else None
    if state == "cancelling":
        stores.queue.cancel(job.id)
    with pytest.raises(InUse, match=f"job {job.id}, which is {state}") as refused:
        remove()
    assert refused.value.jobs == [job.id]
    stores.queue.cancel(job.id)
    if held:
        stores.leases.requeue(held, crashed=True)
    assert stores.queue.get(job.id).state == "cancelled"
    remove()
    with pytest.raises(Conflict, match=name):
        stores.queue.retry(job.id)
    assert stores.queue.get(job.id).state == "cancelled"


@pytest.mark.parametrize("case", CASES)
def test_a_job_that_is_tried_again_holds_again(case, stores):
    job, _, remove = CASES[case](stores)
    stores.queue.cancel(job.id)
    assert stores.queue.retry(job.id).state == "queued"
    with pytest.raises(InUse):
        remove()
    assert stores.leases.finish_job(stores.leases.fetch_job("w"), "failed", error={"detail": "no"})
    remove()


def test_a_file_that_a_corpus_is_made_of_stays(stores):
    """Also one that a job made, which would go with the job; not that of a version that failed."""
    parent = (mine_job(stores, pairs=upload(stores)), succeed(stores))[1]
    made = parent.result["files"]["training_file"]
    job = create_corpus(CorpusRequest(name="c", files=[made]), stores, ANYBODY, None)
    succeed(stores, job)
    with pytest.raises(Conflict, match="corpus c is made of this job"):
        job_results.remove(stores, parent.id)
    failed = append_to_corpus("c", CorpusAppend(files=[other := upload(stores)]), stores, ANYBODY, None)
    stores.queue.cancel(failed.id)
    stores.files.remove(other)
    stores.corpora.remove("c")
    job_results.remove(stores, parent.id)
    with pytest.raises(NotFound):
        stores.files.get(made)


def test_an_idempotency_key_of_a_corpus_that_was_deleted_makes_a_new_one(stores):
    wanted = CorpusRequest(name="c", files=[upload(stores)])
    first = create_corpus(wanted, stores, ANYBODY, "k")
    succeed(stores, first)
    assert create_corpus(wanted, stores, ANYBODY, "k").id == first.id
    stores.corpora.remove("c")
    again = create_corpus(wanted, stores, ANYBODY, "k")
    assert again.id != first.id
    assert stores.corpora.get(again.spec["corpus"]).versions[0].job_id == again.id


def test_a_key_that_was_seen_is_answered_whatever_has_become_of_the_rest(stores):
    """The files are gone, or the version that it asked for is being built."""
    file_id = upload(stores)
    job = mine_job(stores, "k", pairs=file_id)
    succeed(stores, job)
    stores.files.remove(file_id)
    assert mine_job(stores, "k", pairs=file_id).id == job.id
    succeed(stores, index_job(stores))
    wanted = CorpusAppend(files=[upload(stores)])
    first = append_to_corpus("c", wanted, stores, ANYBODY, "a")
    assert append_to_corpus("c", wanted, stores, ANYBODY, "a").id == first.id


def test_a_deletion_and_a_job_at_the_same_time(stores, monkeypatch):
    """One of the two is refused, in every order: the deletion looks around, and is slow to act."""
    slow = files_module.check_unused
    monkeypatch.setattr(files_module, "check_unused", lambda *what, **more: (slow(*what, **more), time.sleep(0.01)))
    for turn in range(20):
        file_id = upload(stores)

        def act(number, file_id=file_id, turn=turn):
            time.sleep(0.002 * (turn % 5) * (number == turn % 2))
            return mine_job(stores, pairs=file_id) if number else stores.files.remove(file_id)

        refused = [one for one in together(2, act) if isinstance(one, HardnegError)]
        assert len(refused) == 1, refused
        waiting = stores.leases.fetch_job("w")
        assert isinstance(refused[0], NotFound if waiting is None else InUse)
        if waiting:
            stores.leases.finish_job(waiting, "failed", error={})


def storm(folder, database, seed):
    """Make and delete without pause, in four threads, until somebody ends it."""
    stores, draw = opened(folder, database or None), random.Random(seed)

    def work():
        while True:
            with suppress(HardnegError, AttributeError, IndexError):  # refused; nothing is queued; there is nothing to choose from
                draw.choice(ACTS)(stores, draw)

    for _ in range(4):
        threading.Thread(target=work).start()


def some_file(stores, draw):
    return draw.choice(stores.files.ls("", 100)).id


def some_job(stores, draw):
    return draw.choice(stores.queue.ls(None, None, "", 100)).id


def some_corpus(stores, draw):
    return draw.choice(stores.corpora.ls()).name


ACTS = (
    lambda stores, draw: upload(stores),
    lambda stores, draw: index_job(stores, f"c{draw.randrange(4)}"),
    lambda stores, draw: mine_job(stores, pairs=some_file(stores, draw), corpus=some_corpus(stores, draw)),
    lambda stores, draw: mine_job(stores, pairs=some_file(stores, draw)),
    lambda stores, draw: submit(ExportJob(kind="export", job=some_job(stores, draw)), stores, ANYBODY, None),
    lambda stores, draw: succeed(stores),
    lambda stores, draw: stores.files.remove(some_file(stores, draw)),
    lambda stores, draw: stores.corpora.remove(some_corpus(stores, draw)),
    lambda stores, draw: job_results.remove(stores, some_job(stores, draw)),
    lambda stores, draw: stores.queue.retry(some_job(stores, draw)),
    lambda stores, draw: stores.queue.cancel(some_job(stores, draw)),
)


def torn(stores):
    """What must never be: a job that waits for what is gone, a file without its bytes, a file of no job."""
    with stores.state.database.read() as connection:
        waiting = [job for job in stores.queue.ls(None, None, "", 1000) if job.state in (*WAITING, *ACTIVE)]
        yield from ((job.id, gone) for job in waiting if (gone := missing(connection, job)))
        yield from connection.execute(text("SELECT id FROM files WHERE job_id IS NOT NULL AND job_id NOT IN (SELECT id FROM jobs)")).all()
    yield from (file.id for file in stores.files.ls("", 10_000) if not stores.files.path(file).is_file())


@pytest.mark.slow
def test_kill_9_in_a_storm_of_jobs_and_deletions(stores):
    """Two processes over one data folder; whenever they end, everything that waits has what it needs."""
    address = stores.settings.database.get_secret_value() if stores.settings.database else ""
    words = [sys.executable, "-c", "import sys; from test_app_needs import storm; storm(*sys.argv[1:])", stores.settings.data_dir, address]
    run = {"cwd": Path(__file__).parent, "stderr": subprocess.PIPE, "env": {"PYTHONPATH": ".:../.."}}
    both = [subprocess.Popen([*words, str(seed)], **run) for seed in range(2)]
    deadline = time.monotonic() + 60
    while not stores.queue.ls(None, None, "", 1) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    for process in both:
        process.kill()
    said = [process.communicate()[1] for process in both]
    assert stores.queue.ls(None, None, "", 1), said
    assert list(torn(stores)) == []


def test_a_dry_run_whose_file_is_deleted_meanwhile_says_so(tmp_path):
    with pytest.raises(NotFound, match="was deleted meanwhile"):
        link(tmp_path / "gone", tmp_path / "queries.jsonl")


def test_every_kind_says_what_it_needs():
    assert NEEDS.keys() == KINDS.keys() - {"plan"}  # which is answered at once

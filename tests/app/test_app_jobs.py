"""Jobs: the same bytes as the command line, in every kind of file; waiting, events, cancel, retry, idempotency, limits."""

import contextlib
import threading
import time
from hashlib import sha256
from pathlib import Path

import orjson
import pytest

from app.cli import app
from miner import mine
from miner.formats import FORMATS

pytestmark = pytest.mark.slow

LINES = {"Accept": "application/x-ndjson"}


@pytest.fixture(scope="module")
def client(client_of):
    return client_of(max_jobs_waiting=5)


def upload(client, name, rows):
    content = rows if isinstance(rows, bytes) else b"".join(orjson.dumps(row) + b"\n" for row in rows)
    return client.post("/v1/files", params={"name": name}, content=content).json()["id"]


@pytest.fixture(scope="module")
def inputs(client, texts):
    ids = {name: upload(client, name, rows) for name, rows in texts.items()}
    return {"corpus": ids["corpus.jsonl"], "queries": ids["queries.jsonl"], "qrels": [ids["qrels.tsv"]]}


def done(client, job):
    """The job when it has ended."""
    for _ in range(20):
        told = client.get(f"/v1/jobs/{job['id']}?wait=10").json()
        if told["state"] not in ("queued", "running", "cancelling"):
            return told
    raise AssertionError(told)


def submit(client, body, **headers):
    return client.post("/v1/jobs", json=body, headers=headers)


def content(client, job, role="training_file"):
    return client.get(f"/v1/files/{job['result']['files'][role]}/content").content


@pytest.fixture(scope="module")
def mined(client, inputs):
    answer = submit(client, {"kind": "mine", "inputs": inputs, "config": {"negatives": 3, "columns": ["ids"]}})
    assert (answer.status_code, answer.headers["location"]) == (202, f"/v1/jobs/{answer.json()['id']}")
    job = done(client, answer.json())
    assert job["state"] == "succeeded", job
    return job


def command_line(folder, texts, model, *flags):
    """`hardneg mine` in a folder of its own, without the seconds a new process takes to import torch."""
    for name, rows in texts.items():
        content = rows if isinstance(rows, bytes) else b"".join(orjson.dumps(row) + b"\n" for row in rows)
        (folder / name).write_bytes(content)
    words = ["mine", "--corpus", "corpus.jsonl", "--queries", "queries.jsonl", "--qrels", "qrels.tsv", "--model", model, *flags]
    with contextlib.chdir(folder):
        app([*words, "--quiet"], standalone_mode=False)


def test_the_same_bytes_as_the_command_line(client, mined, texts, model, tmp_path):
    """The training file and the rows; and no path of the server is told."""
    command_line(tmp_path, texts, model, "--negatives", "3", "--column", "ids", "--out", "run")
    expected = (tmp_path / "run" / "triplets.jsonl").read_bytes()
    assert content(client, mined) == expected
    assert client.get(f"/v1/jobs/{mined['id']}/results").content == expected
    manifest = orjson.loads(content(client, mined, "manifest"))
    assert manifest["outputs"]["triplets.jsonl"]["sha256"] == sha256(expected).hexdigest()
    assert str(client.app.state.services.state.folder) not in str(manifest)
    assert content(client, mined, "report_page").lower().startswith(b"<!doctype html>")


def test_triples_are_mined_as_the_library_does(client, texts, model):
    """Three texts a line without a header: the rows of the library for the same triples, in which each third text is judged non-relevant."""
    passages, queries = (texts[name] for name in ("corpus.jsonl", "queries.jsonl"))
    words = [f"{row['text']} one two three" for row in passages[:24]]
    triples = list(zip((row["text"] for row in queries), words, words[12:], strict=False))
    file = upload(client, "triples.tsv", "".join("\t".join(triple) + "\n" for triple in triples).encode())
    config = {"negatives": 2, "judged": "prefer", "filters": ["near_positive:off", "nearest:off", "margin:off"]}
    job = done(client, submit(client, {"kind": "mine", "inputs": {"pairs": file}, "config": config}).json())
    assert job["state"] == "succeeded", job
    run = mine([dict(zip(("query", "positive", "negative"), triple, strict=True)) for triple in triples], config, model=model)
    assert content(client, job) == run.file.read_bytes()
    rows = [orjson.loads(line) for line in content(client, job).splitlines()]
    judged = {(query, negative) for query, _, negative in triples}
    assert {row["anchor"] for row in rows if (row["anchor"], row["negative"]) in judged} == {query for query, *_ in triples}


def test_several_sources_are_asked(client, inputs, texts, model, tmp_path):
    """Consensus in a job's config: the bytes of the command line; over stored evidence too; and of one source it is refused."""
    config = {"sources": ["dense", "bm25"], "filters": ["consensus:margin=0.2"]}
    job = done(client, submit(client, {"kind": "mine", "inputs": inputs, "config": config}).json())
    assert job["state"] == "succeeded", job
    command_line(tmp_path, texts, model, "--source", "dense", "--source", "bm25", "--filter", "consensus:margin=0.2", "--out", "run")
    assert content(client, job) == (tmp_path / "run" / "triplets.jsonl").read_bytes()
    chosen = done(client, submit(client, {"kind": "export", "job": job["id"], "config": {"filters": ["consensus:sources=2"]}}).json())
    assert chosen["state"] == "succeeded", chosen
    assert "consensus" in orjson.loads(content(client, chosen, "report"))["counts"]["dropped"]
    alone = submit(client, {"kind": "mine", "inputs": inputs, "config": {"filters": ["consensus"]}})
    assert alone.status_code == 422
    assert "compares sources, and there is one only, dense" in alone.text
    for wrong in (["margin:off", "margin:relative=0.1"], 5, [5]):
        assert submit(client, {"kind": "export", "job": job["id"], "config": {"filters": wrong}}).status_code == 422


@pytest.mark.parametrize("kind", ["jsonl.gz", "jsonl.zst", "parquet"])
def test_exports_in_every_kind_of_file(kind, client, mined):
    """Chosen again with another config; the rows are the same whatever they are written as."""
    body = {"kind": "export", "job": mined["id"], "config": {"negatives": 2, "output_format": "n-tuple"}, "file_kind": kind}
    job = done(client, submit(client, body).json())
    assert job["state"] == "succeeded", job
    assert job["spec"]["config"]["negatives"] == 2
    rows = client.get(f"/v1/jobs/{job['id']}/results").content.splitlines()
    assert len(rows) == job["result"]["counts"]["rows"]
    assert set(orjson.loads(rows[0])) >= {"anchor", "positive", "negative_1", "negative_2"}


def test_variations_are_those_of_the_command_line(client, mined, inputs, texts, model, tmp_path):
    """A job that mines and one that exports write the bytes of the command line, and a file of variations; code comes from no request."""
    config = {"negatives": 3, "columns": ["ids"], "variations": ["delete:share=0.5", "una:near=9"]}
    jobs = [submit(client, {"kind": "mine", "inputs": inputs, "config": config})]
    jobs.append(submit(client, {"kind": "export", "job": mined["id"], "config": {"variations": config["variations"]}}))
    jobs = [done(client, job.json()) for job in jobs]
    assert [job["state"] for job in jobs] == ["succeeded"] * 2, jobs
    flags = ["--variation", "una:near=9", "--variation", "delete:share=0.5"]
    command_line(tmp_path, texts, model, "--negatives", "3", "--column", "ids", *flags, "--out", "run")
    for role, name in (("training_file", "triplets.jsonl"), ("variations", "variations.jsonl")):
        assert {content(client, job, role) for job in jobs} == {(tmp_path / "run" / name).read_bytes()}
    assert jobs[0]["result"]["counts"]["variations"] > 0
    for body in ({"kind": "mine", "inputs": inputs}, {"kind": "export", "job": mined["id"]}):
        refused = submit(client, {**body, "config": {"variations": ["paraphrase"]}})
        assert refused.status_code == 422
        assert "variation 'paraphrase' needs a function of yours, and no request can bring code" in refused.text


def test_judges_are_those_of_the_command_line(client, mined, inputs, texts, model, tmp_path):
    """A job that mines and one that exports write the bytes of the command line; a judge's model is one of the operator's."""
    rule = {"filters": ["margin:by=bi-encoder,absolute=0.05"], "judges": [f"bi-encoder:model={Path(model).name},first=5"]}
    jobs = [submit(client, {"kind": "mine", "inputs": inputs, "config": {"negatives": 3, "columns": ["ids"], **rule}})]
    jobs.append(submit(client, {"kind": "export", "job": mined["id"], "config": rule}))
    jobs = [done(client, job.json()) for job in jobs]
    assert [job["state"] for job in jobs] == ["succeeded"] * 2, jobs
    flags = ["--judge", f"bi-encoder:model={model},first=5", "--filter", rule["filters"][0]]
    command_line(tmp_path, texts, model, "--negatives", "3", "--column", "ids", *flags, "--out", "run")
    assert {content(client, job) for job in jobs} == {(tmp_path / "run" / "triplets.jsonl").read_bytes()}
    assert str(Path(model).parent) not in str(jobs)
    for body in ({"kind": "mine", "inputs": inputs}, {"kind": "export", "job": mined["id"]}):
        for judge in (f"bi-encoder:model={model}", "cross-encoder:model=some/hub-name", f"bi-encoder:model={Path(model).name},revision=x"):
            refused = submit(client, {**body, "config": {"judges": [judge]}})
            assert refused.status_code == 422
            assert "a judge's model is one of the server's" in refused.text


def test_a_format_that_is_a_folder(client, mined):
    """Each of its files is a result of its own."""
    shape = next(name for name, shape in FORMATS.items() if shape.layout)
    body = {"kind": "export", "job": mined["id"], "config": {"output_format": shape, "columns": []}}
    assert submit(client, {**body, "file_kind": "jsonl"}).status_code == 422
    job = done(client, submit(client, body).json())
    assert job["state"] == "succeeded", job
    files = [role for role in job["result"]["files"] if role.startswith(f"{shape}.")]
    assert len(files) > 1
    assert all(content(client, job, role) for role in files)
    assert client.get(f"/v1/jobs/{job['id']}/results").status_code == 409


def test_events_are_told_again_after_any_of_them(client, mined):
    whole = client.get(f"/v1/jobs/{mined['id']}/events").text
    events = [block.split("\n") for block in whole.strip().split("\n\n") if block.startswith("id:")]
    numbers = [int(block[0].removeprefix("id: ")) for block in events]
    assert numbers == list(range(1, len(numbers) + 1))
    assert [block[1] for block in (events[0], events[-1])] == ["event: state"] * 2
    assert '"succeeded"' in events[-1][2]
    rest = client.get(f"/v1/jobs/{mined['id']}/events", headers={"Last-Event-ID": str(numbers[-2])}).text
    assert f"id: {numbers[-1]}" in rest
    assert f"id: {numbers[-2]}\n" not in rest


def test_the_same_key_makes_one_job(client, inputs):
    """Many at once, then again, then with another body."""
    body, answers = {"kind": "mine", "inputs": inputs, "config": {"seed": 11}}, []
    threads = [
        threading.Thread(target=lambda: answers.append(submit(client, body, **{"Idempotency-Key": "k1"}).json()["id"])) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(answers)) == 1
    assert submit(client, {**body, "config": {"seed": 12}}, **{"Idempotency-Key": "k1"}).status_code == 422
    assert submit(client, body, **{"Idempotency-Key": "two words"}).status_code == 422
    job = done(client, {"id": answers[0]})
    assert submit(client, body, **{"Idempotency-Key": "k1"}).json()["id"] == job["id"]


def test_what_a_job_would_be(client, inputs):
    before = len(client.get("/v1/jobs").json()["jobs"])
    plan = client.post("/v1/jobs?dry_run=true", json={"kind": "mine", "inputs": inputs})
    assert plan.status_code == 200
    assert (plan.json()["counts"]["queries"], plan.json()["counts"]["passages"]) == (30, 200)
    assert plan.json()["spec"]["config"]["filters"]
    assert len(client.get("/v1/jobs").json()["jobs"]) == before


def test_a_job_that_fails_says_where(client, inputs):
    """A wrong line, by the name of its role and its number, without a path of the server."""
    wrong = upload(client, "queries.jsonl", b'{"_id": "a", "text": "x"}\n{"_id": "b"}\n')
    job = done(client, submit(client, {"kind": "mine", "inputs": {**inputs, "queries": wrong}}).json())
    assert job["state"] == "failed"
    assert job["error"]["kind"] == "InputError"
    assert job["error"]["detail"].startswith("inputs/queries.jsonl:2: ")
    again = client.post(f"/v1/jobs/{job['id']}/retry")
    assert (again.status_code, again.json()["state"], again.json()["error"]) == (202, "queued", None)
    assert done(client, job)["attempts"] == 2
    assert client.get(f"/v1/jobs/{job['id']}/results").status_code == 409


def test_deleting_a_job_takes_its_files(client, inputs):
    job = done(client, submit(client, {"kind": "mine", "inputs": inputs, "config": {"seed": 99, "sampler": "uniform"}}).json())
    file_id = job["result"]["files"]["training_file"]
    assert client.delete(f"/v1/files/{file_id}").status_code == 409
    assert client.delete(f"/v1/jobs/{job['id']}").status_code == 204
    assert client.get(f"/v1/files/{file_id}").status_code == 404
    assert client.get(f"/v1/jobs/{job['id']}").status_code == 404
    assert not (client.app.state.services.state.jobs / job["id"]).exists()


@pytest.fixture(scope="module")
def idle(client_of):
    """Nobody works on jobs here."""
    return client_of(ready=False, max_jobs_waiting=5, jobs_at_once=0, max_watchers=2)


def some_body(client):
    file_id = upload(client, "a.jsonl", [{"query": "w001", "positive": "w002"}])
    return {"kind": "mine", "inputs": {"pairs": file_id}}


@pytest.fixture
def waiting(idle):
    """A job that waits as long as the test takes."""
    job = submit(idle, some_body(idle)).json()
    yield job
    idle.post(f"/v1/jobs/{job['id']}/cancel")


def test_exactly_the_excess_is_429(idle):
    body = some_body(idle)
    answers = [submit(idle, body) for _ in range(8)]
    assert [answer.status_code for answer in answers] == [202] * 5 + [429] * 3
    assert answers[-1].headers["retry-after"]
    for answer in answers[:5]:
        for _ in range(2):
            assert idle.post(f"/v1/jobs/{answer.json()['id']}/cancel").json()["state"] == "cancelled"
    last = submit(idle, body)
    assert (last.status_code, idle.post(f"/v1/jobs/{last.json()['id']}/cancel").status_code) == (202, 200)


def test_a_waiting_job_is_not_deleted_nor_tried_again(idle, waiting):
    assert idle.delete(f"/v1/jobs/{waiting['id']}").status_code == 409
    assert idle.post(f"/v1/jobs/{waiting['id']}/retry").status_code == 409


def test_a_long_poll_ends_in_time_and_they_are_counted(idle, waiting):
    started, statuses = time.monotonic(), []
    threads = [threading.Thread(target=lambda: statuses.append(idle.get(f"/v1/jobs/{waiting['id']}?wait=1").status_code)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 200, 429]
    assert time.monotonic() - started < 10


WRONG = {
    "no kind": ({}, 422),
    "unknown kind": ({"kind": "train"}, 422),
    "clients do not index": ({"kind": "index", "files": []}, 422),
    "no inputs": ({"kind": "mine"}, 422),
    "nothing to read": ({"kind": "mine", "inputs": {}}, 422),
    "half of what is read": ({"kind": "mine", "inputs": {"queries": "GOOD"}}, 422),
    "no such file": ({"kind": "mine", "inputs": {"pairs": "file_0"}}, 404),
    "a path": ({"kind": "mine", "inputs": {"pairs": "/etc/passwd"}}, 404),
    "no such corpus": ({"kind": "mine", "inputs": {"pairs": "GOOD", "corpus": "nope"}}, 404),
    "another model": ({"kind": "mine", "inputs": {"pairs": "GOOD"}, "config": {"model": "/etc"}}, 422),
    "a revision": ({"kind": "mine", "inputs": {"pairs": "GOOD"}, "config": {"revision": "main"}}, 422),
    "a datasets folder": ({"kind": "mine", "inputs": {"pairs": "GOOD"}, "file_kind": "datasets"}, 422),
    "export of nothing": ({"kind": "export", "job": "job_0"}, 404),
    "unknown field": ({"kind": "mine", "inputs": {"pairs": "GOOD"}, "runtime": {}}, 422),
    "a URL": ({"kind": "mine", "inputs": {"pairs": "http://127.0.0.1/x.jsonl"}}, 404),
    "from the hub": ({"kind": "mine", "inputs": {"pairs": "hf:squad"}}, 404),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_jobs_are_refused(case, idle):
    body, status = WRONG[case]
    if body.get("inputs"):
        good = upload(idle, "a.jsonl", [{"query": "w001", "positive": "w002"}])
        body = {**body, "inputs": {name: good if value == "GOOD" else value for name, value in body["inputs"].items()}}
    answer = submit(idle, body)
    assert (answer.status_code, answer.json()["status"]) == (status, status), answer.text

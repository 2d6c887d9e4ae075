"""Reviews: a log that only grows, what stands of it as a verdict file, If-Match, and the export that heeds it."""

import threading
from types import SimpleNamespace

import orjson
import pytest
from test_app_jobs import content, done, submit, upload
from test_app_refusals import problem

from app.auth import keys
from app.jobs.export import VERDICTS, prepare
from app.state.tables import jobs
from miner.config import MiningConfig
from miner.core.verdicts import Verdict
from miner.runs.run import Run, export
from miner.runs.verdict_files import read_verdicts

pytestmark = pytest.mark.slow

LINES = {"Content-Type": "application/x-ndjson"}


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def client(request, client_of):
    """A service over either database."""
    if request.param == "sqlite":
        return client_of()
    address = request.getfixturevalue("postgres")
    import psycopg

    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("CREATE DATABASE reviewed")  # a queue of its own: workers of others look into theirs
    return client_of(database=address.rpartition("/")[0] + "/reviewed")


@pytest.fixture(scope="module")
def inputs(client, texts):
    ids = {name: upload(client, name, rows) for name, rows in texts.items()}
    return {"corpus": ids["corpus.jsonl"], "queries": ids["queries.jsonl"], "qrels": [ids["qrels.tsv"]]}


@pytest.fixture(scope="module")
def job(client, inputs):
    """A job with ids in its rows."""
    made = done(client, submit(client, {"kind": "mine", "inputs": inputs, "config": {"negatives": 3, "columns": ["ids"]}}).json())
    assert made["state"] == "succeeded", made
    return made


@pytest.fixture
def at(job):
    return f"/v1/jobs/{job['id']}/reviews"


@pytest.fixture(scope="module")
def pairs(client, job):
    """(query, negative) of every row, once each."""
    rows = [orjson.loads(line) for line in client.get(f"/v1/jobs/{job['id']}/results").content.splitlines()]
    return list(dict.fromkeys((row["anchor_id"], row["negative_id"]) for row in rows))


def word(pair, verdict="false_negative", **more):
    return {"query_id": pair[0], "passage_id": pair[1], "verdict": verdict, **more}


def say(client, at, *words, **headers):
    return client.post(at, json={"verdicts": list(words)}, headers=headers)


def stands(client, at, tmp_path):
    """What the library reads from the verdict file."""
    (tmp_path / "v.jsonl").write_bytes(client.get(f"{at}?format=jsonl").content)
    return {(v.query_id, v.passage_id): v.verdict for v in read_verdicts([tmp_path / "v.jsonl"])}


def test_what_was_said_is_kept_in_order_and_the_last_word_counts(client, at, pairs, tmp_path):
    begin = int(client.get(at).headers["etag"].strip('"'))
    first = say(client, at, word(pairs[0]), word(pairs[1], "true_negative"))
    assert (first.status_code, first.headers["etag"]) == (201, f'"{begin + 2}"')
    say(client, at, word(pairs[0], "unsure"))
    listed = client.get(f"{at}?after={begin}").json()["reviews"]
    assert [one["verdict"] for one in listed] == ["false_negative", "true_negative", "unsure"]
    assert {(one["by"], one["key"]) for one in listed} == {("anybody", "anybody")}
    assert [one["number"] for one in listed] == [begin + 1, begin + 2, begin + 3]
    assert stands(client, at, tmp_path)[pairs[0]] == "unsure"
    assert client.get(f"{at}?after={begin}&limit=1").json()["reviews"] == listed[:1]


def test_a_word_that_is_taken_back_leaves_the_one_before(client, at, pairs, tmp_path):
    say(client, at, word(pairs[2], "true_negative"))
    number = say(client, at, word(pairs[2])).json()["reviews"][0]["number"]
    gone = client.delete(f"{at}/{number}")
    assert (gone.status_code, gone.json()["verdict"], gone.json()["withdraws"]) == (200, "withdrawn", number)
    assert stands(client, at, tmp_path)[pairs[2]] == "true_negative"
    problem(client.delete(f"{at}/{number}"), 409)
    problem(client.delete(f"{at}/{gone.json()['number']}"), 404)
    problem(client.delete(f"{at}/999999"), 404)


def test_if_match_refuses_what_was_said_without_looking(client, at, pairs):
    tag = client.get(at).headers["etag"]
    assert say(client, at, word(pairs[3]), **{"If-Match": tag}).status_code == 201
    problem(say(client, at, word(pairs[3]), **{"If-Match": tag}), 412)
    problem(say(client, at, word(pairs[3]), **{"If-Match": '"x"'}), 412)
    problem(client.delete(f"{at}/1", headers={"If-Match": tag}), 412)
    assert say(client, at, word(pairs[3]), **{"If-Match": "*"}).status_code == 201
    newest = client.get(f"{at}?format=jsonl").headers["etag"]
    assert client.get(f"{at}?format=jsonl", headers={"If-None-Match": newest}).status_code == 304


def test_a_verdict_file_is_taken(client, at, pairs):
    """In the name of who brings it, now: whoever wrote it is nobody that the service knows."""
    said = b"".join(Verdict(*pair, "unsure", "The Boss", "2026-01-01T00:00:00Z").line() for pair in pairs[:5])
    taken = client.post(at, content=said + b"\n", headers=LINES)
    assert (taken.status_code, [one["by"] for one in taken.json()["reviews"]]) == (201, ["anybody"] * 5)
    kept = client.get(f"{at}?format=jsonl").content
    assert (b"The Boss" in kept, b"2026-01-01" in kept) == (False, False)


def test_a_review_is_its_keys_and_no_body_says_otherwise(client_of):
    """By the name and the id of the key, in the log and in the verdict file; `by` in a body is refused."""
    at = client_of(ready=False, jobs_at_once=0).app.state.services
    key_id, _ = keys.create(at.state, "Ada", ["write"])
    caller = keys.Caller(key_id, frozenset({"read", "write"}), "Ada")
    row = {"id": "job_1", "kind": "mine", "state": "succeeded", "spec": "{}", "spec_sha256": "", "key_id": "", "created_at": 0}
    with at.state.database.write() as connection:
        connection.execute(jobs.insert().values({**row, "attempts": 1, "crashes": 0, "done": 0, "total": 0, "last_event": 0}))
    at.reviews.dataset = lambda job_id: SimpleNamespace(queries=None, corpus=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.storage.reviews.check_ids", lambda dataset, said: None)
        (made,) = at.reviews.append("job_1", [Verdict("q", "p", "unsure", "The Boss")], caller)
    assert (made.said_by, made.key_id, at.reviews.withdraw("job_1", 1, caller).said_by) == ("Ada", key_id, "Ada")
    assert [(one.said_by, one.key_id) for one in at.reviews.ls("job_1")] == [("Ada", key_id)] * 2


WRONG = {
    "nothing": (b'{"verdicts": []}', 422),
    "another verdict": (b'{"verdicts": [{"query_id": "q-00", "passage_id": "p-000\xc3\xa9", "verdict": "bad"}]}', 422),
    "no such query": (b'{"verdicts": [{"query_id": "nope", "passage_id": "p-000\xc3\xa9", "verdict": "unsure"}]}', 422),
    "no such passage": (b'{"verdicts": [{"query_id": "q-00", "passage_id": "nope", "verdict": "unsure"}]}', 422),
    "NUL": (b'{"verdicts": [{"query_id": "q-00", "passage_id": "a\\u0000", "verdict": "unsure"}]}', 422),
    "somebody else's": (b'{"verdicts": [{"query_id": "q-00", "passage_id": "p-000\xc3\xa9", "verdict": "unsure", "by": "The Boss"}]}', 422),
    "half a character": (b'{"verdicts": [{"query_id": "\\ud800"}]}', 400),
    "no JSON": (b"{", 400),
    "too many": (orjson.dumps({"verdicts": [word(("q-00", "p"), "unsure")] * 10_001}), 413),
}
WRONG_LINES = {
    "no line": b"\n",
    "no JSON": b"{",
    "a list": b"[]",
    "no verdict": b'{"query_id": "q-00"}',
    "NaN": b'{"query_id": NaN}',
    "a key twice": b'{"query_id": "q-00", "passage_id": "p-000\xc3\xa9", "verdict": "unsure", "verdict": "true_negative"}',
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_words_are_refused(case, client, at):
    last = client.get(at).headers["etag"]
    problem(client.post(at, content=WRONG[case][0], headers={"Content-Type": "application/json"}), WRONG[case][1])
    assert client.get(at).headers["etag"] == last


@pytest.mark.parametrize("case", WRONG_LINES)
def test_wrong_lines_are_refused(case, client, at):
    problem(client.post(at, content=WRONG_LINES[case], headers=LINES), 422)


def test_only_a_run_is_reviewed(client):
    body = {"kind": "mine", "inputs": {"pairs": client.post("/v1/files?name=a.jsonl", content=b"{}").json()["id"]}}
    failed = done(client, submit(client, body).json())
    for name, status in ((failed["id"], 409), ("job_0", 404)):
        problem(say(client, f"/v1/jobs/{name}/reviews", word(("q", "p"))), status)
    problem(client.get("/v1/jobs/job_0/reviews"), 404)


def chosen(client, job):
    rows = [orjson.loads(line) for line in client.get(f"/v1/jobs/{job['id']}/results").content.splitlines()]
    return {(row["anchor_id"], row["negative_id"]) for row in rows}


def by_the_library(client, job, made, said, folder):
    """The training file of `export --verdicts`."""
    (folder / "said.jsonl").write_bytes(said)
    run = Run(client.app.state.services.state.jobs / job["id"] / "run")
    config = MiningConfig.of(**{name: value for name, value in made["spec"]["config"].items() if value is not None})
    return export(run, config, out=folder / "run", verdicts=[folder / "said.jsonl"]).file.read_bytes()


def test_an_export_heeds_them_as_the_library_does(client, job, at, pairs, tmp_path):
    """The same bytes as `export --verdicts` with the file; what is said later changes neither the job nor its retry."""
    say(client, at, *(word(pair) for pair in pairs[10:20]))
    said = client.get(f"{at}?format=jsonl").content
    asked = submit(client, {"kind": "export", "job": job["id"], "verdicts": "reviews"}).json()
    say(client, at, *(word(pair) for pair in pairs[20:25]))
    made = done(client, asked)
    assert made["state"] == "succeeded", made
    assert not chosen(client, made) & set(pairs[10:20])
    assert chosen(client, made) & set(pairs[20:25])
    assert by_the_library(client, job, made, said, tmp_path) == content(client, made)
    (tmp_path / "again").mkdir()
    prepare(made["spec"], client.app.state.services, tmp_path / "again")
    assert (tmp_path / "again" / VERDICTS).read_bytes() == said


def test_nothing_said_is_nothing_to_heed(client, inputs):
    made = done(client, submit(client, {"kind": "mine", "inputs": inputs, "config": {"seed": 5, "negatives": 1}}).json())
    body = {"kind": "export", "job": made["id"], "verdicts": "reviews"}
    assert submit(client, body).status_code == 409
    number = say(client, f"/v1/jobs/{made['id']}/reviews", word(("q-00", "p-000é"))).json()["reviews"][0]["number"]
    assert submit(client, body).status_code == 202
    client.delete(f"/v1/jobs/{made['id']}/reviews/{number}")
    assert submit(client, body).status_code == 409
    assert submit(client, {**body, "verdicts": "/etc/passwd"}).status_code == 422


def test_many_at_once_lose_nothing(client, at, pairs):
    begin, failures = int(client.get(at).headers["etag"].strip('"')), []

    def some():
        failures.extend(pair for pair in pairs[:10] if say(client, at, word(pair, "unsure")).status_code != 201)

    threads = [threading.Thread(target=some) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log = client.get(f"{at}?after={begin}").json()["reviews"]
    assert not failures
    assert [one["number"] for one in log] == list(range(begin + 1, begin + 41))


def test_they_go_with_the_job(client, inputs):
    made = done(client, submit(client, {"kind": "mine", "inputs": inputs, "config": {"seed": 6}}).json())
    say(client, f"/v1/jobs/{made['id']}/reviews", word(("q-00", "p-000é")))
    assert client.delete(f"/v1/jobs/{made['id']}").status_code == 204
    with client.app.state.services.state.database.read() as connection:
        assert not connection.exec_driver_sql(f"SELECT count(*) FROM reviews WHERE job_id = '{made['id']}'").scalar()

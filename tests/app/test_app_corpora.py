"""Corpora: built from files, grown, searched at once and by jobs with the same bytes, deleted with what only they used."""

import json

import pytest
from sqlalchemy import update
from test_app_jobs import LINES, done, submit, upload

from app.errors import NotFound
from app.jobs.index import _read
from app.state import open_state
from app.state.tables import corpora

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def client(client_of):
    return client_of(warm_corpora=1)


def rows(passages):
    return [{"_id": p["id"], "text": p["text"], "title": p["title"] or ""} for p in passages]


def create(client, name, files, **more):
    answer = client.post("/v1/corpora", json={"name": name, "files": files, **more})
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/v1/corpora/{answer.json()['id']}"
    return answer.json()


def built(client, corpus):
    """The job of the newest version, when it has ended."""
    return done(client, {"id": corpus["versions"][-1]["job"]})


@pytest.fixture(scope="module")
def corpus(client, world):
    """Half of the world at first, then the other half."""
    halves = [upload(client, f"{i}.jsonl", rows(world["passages"][i::2])) for i in range(2)]
    made = create(client, "half-world", halves[:1])
    assert made["state"] == "building"
    first = built(client, made)
    assert (first["state"], first["result"]["passages"], first["result"]["encoded"]) == ("succeeded", 100, 100)
    grown = client.post("/v1/corpora/half-world/versions", json={"files": halves[1:]}).json()
    second = built(client, grown)
    assert (second["state"], second["result"]["passages"], second["result"]["encoded"]) == ("succeeded", 200, 100), second
    return client.get("/v1/corpora/half-world").json()


def test_what_is_told(client, corpus):
    assert (corpus["state"], corpus["passages"], [one["state"] for one in corpus["versions"]]) == ("ready", 200, ["ready"] * 2)
    assert client.get(f"/v1/corpora/{corpus['id']}").json() == corpus
    assert corpus in client.get("/v1/corpora").json()["corpora"]


@pytest.mark.parametrize(
    "config", [{}, {"anchor": "own", "negatives": 20, "depth": 10, "max_depth": 150, "columns": ["ids", "scores"]}], ids=str
)
def test_at_once_by_a_job_and_inline_the_same_bytes(config, client, corpus, world):
    inline = client.post("/v1/mine", json={**world, "config": config}, headers=LINES)
    at_once = client.post("/v1/mine", json={"queries": world["queries"], "corpus": "half-world", "config": config}, headers=LINES)
    queries = upload(client, "q.jsonl", [{"_id": q["id"], "text": q["text"]} for q in world["queries"]])
    qrels = "query-id\tcorpus-id\tscore\n" + "".join(f"{q['id']}\t{p}\t1\n" for q in world["queries"] for p in q["positives"])
    inputs = {"corpus": "half-world", "queries": queries, "qrels": [upload(client, "qrels.tsv", qrels.encode())]}
    job = done(client, submit(client, {"kind": "mine", "inputs": inputs, "config": config}).json())
    assert job["state"] == "succeeded", job
    assert inline.content.count(b"\n") >= 30
    assert at_once.content == inline.content
    assert client.get(f"/v1/jobs/{job['id']}/results").content == inline.content


@pytest.mark.parametrize(
    "change",
    [{"id": None}, {"id": "q-00"}, {"positives": ["nope"]}, {"positives": []}, {"positive_texts": ["w001"]}, {"text": " "}],
    ids=str,
)
def test_what_is_not_plain_is_answered_by_the_reader(change, client, corpus, world):
    """The same rows, or a sentence: never a crash of the short way."""
    queries = [world["queries"][0], {**world["queries"][1], **change}]
    answer = client.post("/v1/mine", json={"queries": queries, "corpus": "half-world"}, headers=LINES)
    inline = client.post("/v1/mine", json={"queries": queries, "passages": world["passages"]}, headers=LINES)
    if answer.status_code == 200:
        assert answer.content == inline.content
    else:
        assert answer.status_code == 422
        assert answer.json()["detail"]


def test_a_corpus_that_cannot_be_built_says_why(client, world):
    """A repeated id, in one file and across two; the name can be used again once it is deleted."""
    once = upload(client, "a.jsonl", rows(world["passages"][:5]))
    made = create(client, "broken", [once, once])
    job = built(client, made)
    assert job["state"] == "failed"
    assert "in more than one of the files" in job["error"]["detail"]
    assert client.get("/v1/corpora/broken").json()["state"] == "failed"
    for body in ({"queries": world["queries"][:1], "corpus": "broken"},):
        assert client.post("/v1/mine", json=body).status_code == 409
    assert submit(client, {"kind": "mine", "inputs": {"corpus": "broken", "pairs": once}}).status_code == 409
    assert client.delete("/v1/corpora/broken").status_code == 204
    assert built(client, create(client, "broken", [once]))["state"] == "succeeded"
    assert client.delete("/v1/corpora/broken").status_code == 204


def test_files_without_ids_become_one_corpus(tmp_path):
    """A passage is there once, though two files hold its text; a file without ids may stand beside one that has them."""
    for name, names in (("a", ("x", "y")), ("b", ("y", "z"))):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in names))
    (tmp_path / "c.jsonl").write_text('{"_id": "1", "text": "x"}\n')
    texts = _read([str(tmp_path / f"{name}.jsonl") for name in "abc"], {}, tmp_path / "work")
    everything = list(range(len(texts)))
    assert texts.texts(everything) == ["x", "y", "z", "x"]
    assert texts.ids(everything)[2:] == ["p-594e519ae499312b", "1"]
    assert not [*tmp_path.glob("work/*/*")]


def test_deleting_a_corpus_takes_its_vectors_and_leaves_the_files(client, world):
    file_id = upload(client, "a.jsonl", rows(world["passages"][:9]))
    made = create(client, "gone", [file_id], fields={"text": "text"})
    built(client, made)
    folder = client.app.state.services.corpora.folder(made["id"], 1)
    assert (folder / "passages.f32").stat().st_size == 9 * 16 * 4
    assert client.delete(f"/v1/files/{file_id}").status_code == 409
    assert client.delete("/v1/corpora/gone").status_code == 204
    assert not folder.parent.exists()
    assert client.post("/v1/mine", json={"queries": world["queries"][:1], "corpus": "gone"}).status_code == 404
    assert client.delete(f"/v1/files/{file_id}").status_code == 204


WRONG = {
    "name taken": ({"name": "half-world"}, 409),
    "name like a path": ({"name": "../x"}, 422),
    "empty name": ({"name": ""}, 422),
    "no files": ({"name": "x", "files": []}, 422),
    "no such file": ({"name": "x", "files": ["file_0"]}, 404),
    "another model": ({"name": "x", "model": "/etc"}, 422),
    "unknown field": ({"name": "x", "path": "/etc"}, 422),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_corpora_are_refused(case, client, corpus):
    change, status = WRONG[case]
    body = {"files": corpus["versions"][0]["files"], **change}
    answer = client.post("/v1/corpora", json=body)
    assert (answer.status_code, answer.json()["status"]) == (status, status), answer.text


def test_idempotency_of_a_corpus(client, world):
    file_id = upload(client, "a.jsonl", rows(world["passages"][:3]))
    body = {"name": "once", "files": [file_id]}
    ids = {client.post("/v1/corpora", json=body, headers={"Idempotency-Key": "c1"}).json()["id"] for _ in range(3)}
    assert len(ids) == 1


def test_a_name_is_looked_up_again_only_when_something_has_changed(client, corpus, monkeypatch):
    """And at once when it has, whoever changed it."""
    at, asked = client.app.state.services, []
    get = at.corpora.get
    monkeypatch.setattr(at.corpora, "get", lambda name: asked.append(name) or get(name))
    at.engine.corpora.get("half-world")
    del asked[:]
    at.engine.corpora.get("half-world")
    assert asked == []
    other = open_state(at.settings.data_dir)
    with other.database.write() as connection:
        connection.execute(update(corpora).where(corpora.c.name == "half-world").values(name="renamed"))
    with pytest.raises(NotFound):
        at.engine.corpora.get("half-world")
    with other.database.write() as connection:
        connection.execute(update(corpora).where(corpora.c.name == "renamed").values(name="half-world"))
    other.close()
    assert at.engine.corpora.get("half-world").name

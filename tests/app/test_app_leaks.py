"""No answer holds a path of the server: data folder, store, model and corpus have telling names here, and every route is walked."""

import json
import time

import pytest
from test_app_guard import paths

from app.naming.models import public
from app.naming.redaction import Redaction
from app.settings import Settings

pytestmark = pytest.mark.slow

SECRET = "telling-name"


@pytest.fixture(scope="module")
def house(client_of, model, corpus_file, tmp_path_factory):
    """A service whose every place has the name in it, with a corpus, a mined job, an export and a failed job."""
    folder = tmp_path_factory.mktemp(SECRET)
    (folder / "models").mkdir()
    (folder / "models" / "tiny").symlink_to(model)
    (folder / "corpus.jsonl").write_bytes(corpus_file.read_bytes())
    places = {"cache": folder / "cache", "data_dir": folder / "data", "corpus": str(folder / "corpus.jsonl")}
    return client_of(model=str(folder / "models" / "tiny"), models=f"gone={folder / 'nowhere'}", **places)


def ended(client, job):
    deadline = time.monotonic() + 300
    while (job := client.get(f"/v1/jobs/{job['id']}?wait=5").json())["state"] not in ("succeeded", "failed", "crashed"):
        assert time.monotonic() < deadline
    return job


def sent(client, name, data):
    return client.post(f"/v1/files?name={name}", content=data).json()["id"]


def test_no_answer_tells_where_things_are(house, world):
    """Every route with what there is and with what there is not; what jobs wrote; what failed, and why."""
    rows = b"".join(json.dumps({"query": q["text"], "positive": q["text"] + " w001"}).encode() + b"\n" for q in world["queries"])
    good, bad = sent(house, "pairs.jsonl", rows), sent(house, "pairs.jsonl", rows + b"{no json\n")
    corpus = house.post("/v1/corpora", json={"name": "stored", "files": [sent(house, "c.jsonl", b'{"_id": "a", "text": "w001"}\n')]}).json()
    asked = [
        {"kind": "mine", "inputs": {"pairs": file}, **more} for file, more in ((good, {}), (bad, {}), (good, {"config": {"model": "gone"}}))
    ]
    said = [house.post("/v1/jobs?dry_run=true", json=body).text for body in asked]
    assert '"inputs/pairs.jsonl:31: ' in said[1]
    jobs = [ended(house, house.post("/v1/jobs", json=body).json()) for body in asked]
    jobs.append(ended(house, house.post("/v1/jobs", json={"kind": "export", "job": jobs[0]["id"], "config": {"negatives": 1}}).json()))
    assert [job["state"] for job in jobs] == ["succeeded", "failed", "failed", "succeeded"]
    assert (jobs[0]["spec"]["config"]["model"], jobs[1]["error"]["detail"][:23]) == ("tiny", "inputs/pairs.jsonl:31: ")
    ids = {"job_id": jobs[0]["id"], "file_id": good, "name": "stored", "key_id": "none", "number": "1"}
    said += [
        walked(house, path, method, ids).text for path, method in paths(house.app) if method in ("get", "post") and "events" not in path
    ]
    said += [
        house.get(f"/v1/jobs/{job['id']}{what}").text
        for job in [*jobs, {"id": corpus["versions"][0]["job"]}]
        for what in ("", "/events", "/results")
    ]
    said += [house.get(f"/v1/files/{file}/content").text for job in jobs for file in job["result"].get("files", {}).values()]
    said += [
        house.post("/v1/mine", json={"queries": world["queries"][:2]}).text,
        house.post("/v1/mine", json={"queries": world["queries"], "config": {"model": "x"}}).text,
    ]
    assert len(said) > 60
    assert [text[max(0, text.index(SECRET) - 200) :][:400] for text in said if SECRET in text] == []


def walked(client, path, method, ids):
    """One route, by what it wants."""
    for name, value in ids.items():
        path = path.replace(f"{{{name}}}", value)
    return client.request(method, path, headers={"Origin": "http://127.0.0.1", "Accept": "text/html" if "/v1" not in path else "*/*"})


def test_what_an_earlier_version_noted_is_not_shown(house):
    """Folders of models in specs and results of old jobs."""
    from app.schemas import JobOut
    from app.storage.job_rows import Job

    old = {"spec": {"config": {"model": f"/{SECRET}/tiny"}}, "result": {"model": {"name": f"/{SECRET}/tiny"}, "passages": 1}}
    job = Job(
        "job_1",
        "index",
        "succeeded",
        key_id="",
        created_at=0,
        started_at=0,
        finished_at=0,
        attempts=1,
        crashes=0,
        worker=None,
        stage=None,
        done=0,
        total=0,
        error=None,
        last_event=1,
        **old,
    )
    told = JobOut.of(job)
    assert (told.spec["config"]["model"], told.result["model"]["name"], told.result["passages"]) == ("tiny", "tiny", 1)
    assert (public("/x/tiny"), public("org/name")) == ("tiny", "org/name")


def test_sentences_name_places_and_not_folders(tmp_path):
    """The longest that fits; a model by its name."""
    (tmp_path / "models" / "m").mkdir(parents=True)
    hidden = Redaction(Settings.of(model=str(tmp_path / "models" / "m"), data_dir=tmp_path, cache=tmp_path / "cache").named_folders)
    said = f"cannot write {tmp_path}/jobs/x: full; {tmp_path}/cache/v; model '{tmp_path}/models/m' is none"
    assert hidden(said) == "cannot write DATA/jobs/x: full; CACHE/v; model 'm' is none"

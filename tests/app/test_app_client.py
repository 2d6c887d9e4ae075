"""`hardneg files | corpora | jobs --url …` against the real server: send, build, mine, get; downloads that break go on; wrong things are sentences."""

import hashlib
import json
import random
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from faulty_proxy import faulty_proxy
from test_app_serve import ask

from app.cli import app
from app.cli.client import Client, RemoteError
from app.cli.jobs import download_job
from miner.errors import ConfigError

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def address(start_server, model, tmp_path_factory, new_port):
    """A server with a worker of its own."""
    folder, port = tmp_path_factory.mktemp("remote"), new_port()
    environ = {
        "HARDNEG_MODEL": model,
        "HARDNEG_API_KEY": "a-key-of-these-tests",
        "HARDNEG_CACHE": str(folder / "cache"),
        "HARDNEG_DATA_DIR": str(folder / "data"),
    }
    process = start_server("--port", port, cwd=folder, **environ)
    deadline = time.monotonic() + 150
    while ask(port, "/livez")[0] != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    process.kill()
    process.communicate()


@pytest.fixture
def hardneg(address, monkeypatch, capsys):
    """A function: words → what the command prints."""
    monkeypatch.setenv("HARDNEG_URL", address)
    monkeypatch.setenv("HARDNEG_KEY", "a-key-of-these-tests")

    def run(*words):
        capsys.readouterr()
        app(list(map(str, words)), standalone_mode=False)
        return capsys.readouterr().out.strip()

    return run


def test_from_files_to_a_training_file(hardneg, world, tmp_path):
    """Build a corpus, mine over it, get what was made, chosen again with another config, clean up."""
    (tmp_path / "corpus.jsonl").write_text(
        "".join(json.dumps({"_id": p["id"], "text": p["text"], "title": p["title"] or ""}) + "\n" for p in world["passages"])
    )
    (tmp_path / "queries.jsonl").write_text("".join(json.dumps({"_id": q["id"], "text": q["text"]}) + "\n" for q in world["queries"]))
    (tmp_path / "qrels.tsv").write_text(
        "query-id\tcorpus-id\tscore\n" + "".join(f"{q['id']}\t{p}\t1\n" for q in world["queries"] for p in q["positives"])
    )
    assert hardneg("corpora", "create", "world", "--file", tmp_path / "corpus.jsonl").endswith("world  200")
    (tmp_path / "job.yaml").write_text(
        "kind: mine\ninputs: {corpus: world, queries: queries.jsonl, qrels: [qrels.tsv]}\nconfig: {negatives: 2}\n"
    )
    job, state = hardneg("jobs", "submit", tmp_path / "job.yaml", "--wait", "--idempotency-key", "a").split()
    assert state == "succeeded"
    listed = hardneg("jobs", "download", job, "--out", tmp_path / "made").splitlines()
    assert {line.split("/")[-1] for line in listed} >= {"triplets.jsonl", "report.json", "manifest.json"}
    content = (tmp_path / "made" / "triplets.jsonl").read_bytes()
    assert content.count(b"\n") >= 30
    assert hashlib.sha256(content).hexdigest() in "".join(listed)
    assert job in hardneg("jobs", "ls")
    assert json.loads(hardneg("jobs", "get", job))["state"] == "succeeded"
    hardneg("jobs", "rm", job)
    hardneg("corpora", "rm", "world")
    assert job not in hardneg("jobs", "ls")


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz", "rows.parquet", "-"])
def test_the_files_of_a_job_go_into_a_folder(name, tmp_path, monkeypatch):
    """A file's name is refused before the service is asked."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=f"is a folder for all files of the job, and '{name}' is no folder's name"):
        download_job("job_1", Path(name), url="http://127.0.0.1:9")


def test_wrong_things_are_sentences(hardneg, address):
    for words, said in (
        (("files", "download", "file_0", "--out", "x"), "404: there is no such file"),
        (("jobs", "get", "../../x"), "404"),
        (("corpora", "rm", "nope"), "404"),
    ):
        with pytest.raises(RemoteError, match=said):
            hardneg(*words)
    with pytest.raises(RemoteError, match="401: a key is needed"):
        Client(address, "wrong").call("GET", "/v1/files")
    with pytest.raises(RemoteError, match="cannot be reached"):
        Client("http://127.0.0.1:9", None).call("GET", "/livez")
    with pytest.raises(ConfigError, match="url= is"):
        Client("file:///etc/passwd", None)


def test_downloads_that_break_end_in_the_same_bytes(address, tmp_path):
    """Every fourth answer is whole; a command that tried often enough breaks off, and the next one goes on."""
    draw, content = random.Random(2), random.Random(4).randbytes(700_000)
    (tmp_path / "a.csv").write_bytes(content)
    made = Client(address, "a-key-of-these-tests").upload(tmp_path / "a.csv")
    with faulty_proxy(int(address.rpartition(":")[2])) as (port, cuts):
        cuts += [2**60 if number % 4 == 0 else draw.randrange(200, len(content)) for number in range(20)]
        client = Client(f"http://127.0.0.1:{port}", "a-key-of-these-tests")
        for number in range(5):
            target = tmp_path / f"{number}.csv"
            while not target.exists():
                with suppress(RemoteError):
                    client.download(made["id"], target)
            assert target.read_bytes() == content
        assert 20 - len(cuts) > 5, "more answers than downloads"
    assert not list(tmp_path.glob("*.part"))


def test_a_service_that_hangs_up_is_a_sentence():
    """The connection is taken and closed without a word, as by a port whose container is still starting."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        hanging_up = threading.Thread(target=lambda: listening.accept()[0].close(), daemon=True)
        hanging_up.start()
        with pytest.raises(RemoteError, match="cannot be reached"):
            Client(f"http://127.0.0.1:{listening.getsockname()[1]}", None).call("GET", "/livez")


def test_a_download_outlives_a_service_that_is_away(address, tmp_path, monkeypatch):
    (tmp_path / "a.jsonl").write_bytes(b"{}\n" * 1000)
    client, asked = Client(address, "a-key-of-these-tests"), []
    made = client.upload(tmp_path / "a.jsonl")
    opened = Client._open

    def away(self, method, path, data, headers):
        asked.append(path)
        if path.endswith("/content") and len(asked) < 4:
            raise RemoteError("cannot be reached")
        return opened(self, method, path, data, headers)

    monkeypatch.setattr(Client, "_open", away)
    client.download(made["id"], tmp_path / "b.jsonl")
    assert (tmp_path / "b.jsonl").read_bytes() == b"{}\n" * 1000

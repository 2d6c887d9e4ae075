"""A tiny real model (static embeddings of made-up words), a small corpus, and a client that is ready."""

import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import orjson
import pytest
import warm
from fastapi.testclient import TestClient

from app.jobs import process
from app.main import create_app
from app.settings import Settings

WORDS = [f"w{i:03}" for i in range(300)]
LOCAL = "http://127.0.0.1"


@pytest.fixture(scope="session", autouse=True)
def warm_jobs():
    """Jobs of the services in this process start warm."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "COMMAND", warm.command("-m", "hardneg.job"))
        yield


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """The folder of a sentence-transformers model with 16 dims, written by hand: torch takes seconds to import."""
    from safetensors.numpy import save_file
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    folder = tmp_path_factory.mktemp("model")
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(["[UNK]", *WORDS])}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    weights = np.random.default_rng(1).standard_normal((len(WORDS) + 1, 16)).astype(np.float32)
    save_file({"embedding.weight": weights}, folder / "model.safetensors")
    module = {
        "idx": 0,
        "name": "0",
        "path": "",
        "type": "sentence_transformers.sentence_transformer.modules.static_embedding.StaticEmbedding",
    }
    (folder / "modules.json").write_bytes(orjson.dumps([module]))
    (folder / "config_sentence_transformers.json").write_bytes(orjson.dumps({"prompts": {}, "similarity_fn_name": "cosine"}))
    return str(folder)


@pytest.fixture(scope="session", autouse=True)
def server(model, corpus_file, tmp_path_factory):
    """`hardneg serve` in a process of its own: (process, port, its folder). It starts first and imports while other tests run."""
    folder = tmp_path_factory.mktemp("server")
    port = free_port_number()
    settings = {
        "HARDNEG_MODEL": model,
        "HARDNEG_API_KEY": "a-key-of-these-tests",
        "HARDNEG_CACHE": str(folder / "cache"),
        "HARDNEG_DATA_DIR": str(folder / "data"),
    }
    process = start("--port", port, "--corpus", corpus_file, cwd=folder, **settings)
    yield process, port, folder
    process.kill()
    process.communicate() if process.log.exists() else process.wait()


def free_port_number():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.fixture(scope="session")
def new_port():
    """A function that finds a port nobody has, for fixtures that live longer than one test."""
    return free_port_number


@pytest.fixture
def free_port():
    return free_port_number()


class Started(subprocess.Popen):
    """A process whose output goes to a file: a pipe that nobody reads fills up, and holds up whoever writes."""

    def __init__(self, command, **how):
        handle, name = tempfile.mkstemp(suffix=".log")
        self.log = Path(name)
        super().__init__(command, stdout=handle, stderr=subprocess.STDOUT, **how)
        os.close(handle)

    def communicate(self, input=None, timeout=None):  # noqa: A002 - the parameter's name
        """Wait for its end; what it said, and the file goes."""
        self.wait(timeout)
        said = self.log.read_text()
        self.log.unlink()
        return said, None


def start(*arguments, cwd, cold=False, **environ):
    """The process, warm or as a user starts it; its environment has no setting of ours but those given."""
    job = warm.command("-m", "hardneg.job")
    code = f"from app.cli import main; from app.jobs import process; process.COMMAND = {job!r}; main()"
    words = ("serve", *map(str, arguments))
    command = [sys.executable, "-m", "hardneg", *words] if cold else warm.command("-c", code, *words)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HARDNEG_")}
    return Started(command, cwd=cwd, env={**clean, **environ})


@pytest.fixture(scope="session")
def world():
    """30 queries, 200 passages; a positive shares half of its query's words; some queries have two, some ids are not ASCII."""
    draw = random.Random(7)
    passages = [
        {"id": f"p-{i:03}é", "text": " ".join(draw.choices(WORDS, k=12)), "title": "w001" if i % 5 == 0 else None} for i in range(200)
    ]
    queries = []
    for i in range(30):
        mine = draw.sample(passages, 1 + i % 2)
        text = " ".join(word for passage in mine for word in passage["text"].split()[:4])
        queries.append({"id": f"q-{i:02}", "text": text, "positives": [passage["id"] for passage in mine]})
    return {"queries": queries, "passages": passages}


@pytest.fixture(scope="session")
def corpus_file(world, tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "corpus.jsonl"
    rows = ({"_id": p["id"], "text": p["text"], "title": p["title"] or ""} for p in world["passages"])
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


@pytest.fixture(scope="session")
def texts(world):
    """The world as three files."""
    queries = [{"_id": query["id"], "text": query["text"]} for query in world["queries"]]
    corpus = [{"_id": p["id"], "text": p["text"], "title": p["title"] or ""} for p in world["passages"]]
    qrels = "query-id\tcorpus-id\tscore\n" + "".join(f"{q['id']}\t{p}\t1\n" for q in world["queries"] for p in q["positives"])
    return {"queries.jsonl": queries, "corpus.jsonl": corpus, "qrels.tsv": qrels.encode()}


def programs():
    """Where initdb and postgres lie; None where PostgreSQL is not installed."""
    places = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return (places or [Path(found).parent for found in [shutil.which("initdb")] if found] or [None])[0]


@pytest.fixture(scope="session")
def postgres():
    """An address of a server of our own, on loopback, gone afterwards."""
    pytest.importorskip("psycopg")
    where = programs()
    if where is None:
        pytest.skip("PostgreSQL is not installed")
    folder = Path(tempfile.mkdtemp(prefix="hardneg-postgres-"))  # pytest's own folders are closed to other users
    user = {"user": "postgres"} if os.geteuid() == 0 else {}  # it refuses to run as root
    if user:
        shutil.chown(folder, "postgres")
    run = {"cwd": "/", "capture_output": True, "check": True, **user}
    subprocess.run([where / "initdb", "-D", folder / "data", "-U", "postgres", "--auth=trust", "-E", "UTF8"], **run)
    port = free_port_number()
    guard = subprocess.Popen(["sh", "-c", GUARD, where, folder, str(port)], cwd="/", stdin=subprocess.PIPE, **user)
    wait_for(where, port)
    yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    guard.stdin.close()
    guard.wait(30)


GUARD = """
"$0/postgres" -D "$1/data" -p "$2" -c listen_addresses=127.0.0.1 -c "unix_socket_directories=$1" -c fsync=off > "$1/log" 2>&1 < /dev/null &
cat > /dev/null
kill -QUIT $!
wait
rm -rf "$1"
"""
"""Begins a server and ends it when nobody holds the other end of its standard input any more: also when the tests are killed."""


def wait_for(where, port):
    deadline = time.monotonic() + 30
    while subprocess.run([where / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)], check=False).returncode:
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture(scope="session")
def client_of(model, tmp_path_factory):
    """A function: settings → a client whose app is open; all of them are closed at the end."""
    clients = []
    usual = {"model": model, "device": "cpu", "max_wrong_keys": 100_000}

    def make(ready=True, **settings):
        cache = Path(tmp_path_factory.mktemp("cache"))
        app = create_app(Settings.of(**{**usual, "cache": cache, "data_dir": cache / "data", **settings}))
        client = TestClient(app, base_url=LOCAL, raise_server_exceptions=False)
        client.__enter__()
        clients.append(client)
        deadline = time.monotonic() + 120
        while ready and client.get("/readyz").status_code != 200:
            assert time.monotonic() < deadline, "the model was not opened"
            time.sleep(0.02)
        return client

    yield make
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture(scope="session", autouse=True)
def wrong_keys_wait_for_nothing():
    """They are tried by the hundred here; how long they wait is looked at where the real server is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.guard.WRONG_KEY_SECONDS", 0)
        patch.setattr("app.requests.page_data.WRONG_KEY_SECONDS", 0)
        yield


@pytest.fixture(scope="session")
def start_server():
    return start


@pytest.fixture(scope="session")
def client(client_of):
    """No key, no corpus."""
    return client_of()


@pytest.fixture(scope="session")
def over_corpus(client_of, corpus_file):
    """A corpus opened at start."""
    return client_of(corpus=str(corpus_file))

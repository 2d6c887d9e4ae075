"""One real server: `hardneg serve` in a process of its own, asked over a socket, stopped by a signal."""

import json
import os
import shutil
import signal
import time
import urllib.error
import urllib.request

import pytest

from app.serve import serve
from miner.errors import ConfigError

pytestmark = pytest.mark.server


def ask(port, path, body=None, key=None):
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode() if body else None, headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
    except OSError:
        return 0, None


def test_a_real_server(server, world):
    """Alive, ready, closed without the key, mines with it, ends on SIGTERM, and leaves nothing but the store."""
    process, port, folder = server
    deadline = time.monotonic() + 60
    while ask(port, "/readyz")[0] != 200:
        assert process.poll() is None, process.log.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert ask(port, "/v1/info")[0] == 401
    status, mined = ask(port, "/v1/mine", {"queries": world["queries"]}, key="a-key-of-these-tests")
    assert status == 200
    assert len(mined["rows"]) >= 100
    assert ask(port, "/v1/mine", {"queries": []}, key="a-key-of-these-tests")[0] == 422
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=20)
    assert "POST /v1/mine 200" in output
    assert world["queries"][0]["text"] not in output
    assert "Traceback" not in output
    assert {path.name for path in (folder / "cache").iterdir()} == {"scratch", "vectors"}


@pytest.mark.parametrize(
    ("given", "said"),
    [({"host": "0.0.0.0", "model": "x"}, "without a key"), ({}, "no model is named"), ({"model": "x", "port": -1}, "port is -1")],
)
def test_what_cannot_be_served_is_refused_at_once(given, said, monkeypatch):
    for name in [name for name in os.environ if name.startswith("HARDNEG_")]:
        monkeypatch.delenv(name)
    with pytest.raises(ConfigError, match=said):
        serve(given)


def served_in_vain(start_server, folder, *words):
    places = {"HARDNEG_CACHE": str(folder / "cache"), "HARDNEG_DATA_DIR": str(folder / "data")}
    process = start_server(*words, "--port", "0", cwd=folder, **places)
    output, _ = process.communicate(timeout=60)
    assert "Traceback" not in output
    return process.returncode, output


@pytest.mark.parametrize("missing", ["model", "corpus"])
def test_what_is_not_there_is_said_before_a_port_is_opened(start_server, model, tmp_path, missing):
    """One sentence, the exit code of every verb, nothing written."""
    given = {"model": model, missing: "/nowhere"}
    code, output = served_in_vain(start_server, tmp_path, *(word for name in given for word in (f"--{name}", given[name])))
    assert (code, len(output.splitlines())) == ({"model": 6, "corpus": 3}[missing], 1), output
    assert "/nowhere" in output
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_cannot_be_opened_ends_the_server(start_server, model, tmp_path):
    """One sentence, the model's exit code, no traceback, where only opening it shows that it is none."""
    shutil.copytree(model, tmp_path / "model")
    (tmp_path / "model" / "model.safetensors").write_bytes(b"no weights")
    code, output = served_in_vain(start_server, tmp_path, "--model", tmp_path / "model")
    assert code == 6, output
    assert "cannot be loaded" in output
